package view_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// story returns events a second apart: kind, stage, detail.
func story(lines ...string) []view.EventView {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

	events := make([]view.EventView, len(lines))
	for i, line := range lines {
		parts := strings.SplitN(line, " ", 3)
		events[i] = view.EventView{
			EventID: int64(i + 1), At: begin.Add(time.Duration(i) * time.Second),
			Kind: parts[0], Stage: strings.Trim(parts[1], "-"), Detail: json.RawMessage(parts[2]),
		}
	}

	return events
}

func told(runs []view.RunView) (lines []string) {
	for _, r := range runs {
		parts := []string{fmt.Sprintf("%d %s %s %v", r.Attempt, r.Cause, r.Status, r.Current)}
		if d := r.Elapsed(); d != nil {
			parts[0] += fmt.Sprintf(" took %s", *d)
		}

		for _, s := range r.Stages {
			parts = append(parts, fmt.Sprintf("%s %s %d/%d/%d", s.Name, s.Status, s.Tasks, s.Completed, s.Failed))
		}

		for _, e := range r.Errors {
			parts = append(parts, fmt.Sprintf("%q in %s %d times", e.Message, e.Stage, e.Logged))
		}

		lines = append(lines, strings.Join(parts, "; "))
	}

	return lines
}

// TestRuns divides the events of a job into its runs, and numbers them from the
// last one.
func TestRuns(t *testing.T) {
	t.Parallel()

	events := story(
		`created - {"by":"ann"}`,
		`stage_started a {"total":2}`,
		`task_failed a {"message":"no"}`,
		`task_failed a {"message":"no"}`,
		`stage_ended a {"status":"failed","completed":1,"failed":1}`,
		`job_ended - {"status":"failed"}`,
		`retried - {"by":"ben","attempt":2}`,
		`stage_ended a {"status":"completed","completed":2,"failed":0}`,
		`job_ended - {"status":"completed"}`,
		`rerun - {"by":""}`,
		`stage_started a {"total":2}`,
	)
	job := view.JobView{JobSummary: view.JobSummary{Attempt: 3, Status: state.JobRunning}}
	want := []string{
		"3 rerun running true; a running 2/0/0",
		"2 retried completed false took 2s; a completed 2/2/0",
		`1 created failed false took 5s; a failed 2/1/1; "no" in a 2 times`,
	}

	if diff := cmp.Diff(want, told(view.Runs(job, events))); diff != "" {
		t.Error(diff)
	}

	if diff := cmp.Diff(want[:2], told(view.Runs(job, events[3:]))); diff != "" {
		t.Errorf("without the oldest events: %s", diff)
	}

	if runs := view.Runs(job, nil); runs == nil || len(runs) != 0 {
		t.Errorf("no events: %+v", runs)
	}
}

// TestCompareJobs lists what differs.
func TestCompareJobs(t *testing.T) {
	t.Parallel()

	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	side := func(params string, took time.Duration, stages ...string) view.CompareSide {
		end := at.Add(took)
		s := view.CompareSide{Job: view.JobView{JobSummary: view.JobSummary{
			JobType: "x", Parameters: json.RawMessage(params), StartedAt: &at, FinishedAt: &end,
		}}}

		for _, name := range stages {
			s.Job.Stages = append(s.Job.Stages, view.StageView{
				Name: name, StartedAt: &at, FirstClaimedAt: &at, FinishedAt: &end,
			})
		}

		return s
	}

	left := side(`{"n":1,"owner":{"name":"ann","tags":[]},"big":12345678901234567890}`, time.Second, "a", "b")
	right := side(`{"n":2,"owner":{"name":"ann","tags":["x"]},"big":12345678901234567890}`, 3*time.Second, "a", "c")
	left.Failures = []view.FailureGroup{{Stage: "a", Pattern: "no #", Message: "no 1", Attempts: 1}}
	right.Failures = []view.FailureGroup{
		{Stage: "a", Pattern: "no #", Message: "no 7", Attempts: 4},
		{Stage: "c", Pattern: "new", Message: "new", Attempts: 9},
	}
	right.Times = []view.StageTimes{{Stage: "a", P50: 1.5, P95: 2, Sample: 3}}

	got := view.CompareJobs(left, right)

	var parameters []string
	for _, p := range got.Parameters {
		parameters = append(parameters, fmt.Sprintf("%s %s %s", p.Path, p.Left, p.Right))
	}

	want := []string{"n 1 2", "owner.tags [] ", `owner.tags.0  "x"`}
	if diff := cmp.Diff(want, parameters); diff != "" || got.Equal != 2 {
		t.Errorf("%d equal, %s", got.Equal, diff)
	}

	if len(got.Stages) != 3 || got.Stages[1].Right != nil || got.Stages[2].Left != nil ||
		*got.Stages[0].Right.RanSeconds != 3 || *got.Stages[0].Right.P50Seconds != 1.5 ||
		got.Stages[0].Left.P50Seconds != nil {
		t.Errorf("stages: %+v", got.Stages)
	}

	failures := []view.FailureDiff{
		{Stage: "c", Pattern: "new", Message: "new", Right: 9},
		{Stage: "a", Pattern: "no #", Message: "no 1", Left: 1, Right: 4},
	}
	if diff := cmp.Diff(failures, got.Failures); diff != "" {
		t.Error(diff)
	}
}
