package render

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

var styles = map[string]Style{
	"wide": {
		Width: 120,
	},
	"80":     {Width: 80},
	"40":     {Width: 40},
	"24":     {Width: 24},
	"colour": {Width: 80, Color: true},
	"ascii":  {Width: 80, ASCII: true},
}

func TestOutputMatchesGoldenFilesInEveryWidth(t *testing.T) {
	t.Parallel()

	pictures := map[string]func(Style) []string{
		"frame":  func(s Style) []string { return s.Frame(tileIndex(), rates, now) },
		"end":    func(s Style) []string { return append(s.Frame(ended(), rates, now), s.End(ended(), now)...) },
		"failed": func(s Style) []string { return s.End(failed(), now) },
		"status": func(s Style) []string {
			job := tileIndex()
			return append(s.Status(job, now), s.Errors(&job)...)
		},
		"result":   func(s Style) []string { return s.Status(completed(), now) },
		"jobs":     func(s Style) []string { return s.Jobs(jobs(), texts(), now) },
		"tasks":    func(s Style) []string { return s.Tasks(tasks(), map[string]int{"measure": 5}, now) },
		"failures": func(s Style) []string { return s.Failures(failures()) },
		"many":     func(s Style) []string { return s.Frame(many(), nil, now) },
	}
	for picture, draw := range pictures {
		for name, style := range styles {
			t.Run(picture+"_"+name, func(t *testing.T) {
				t.Parallel()

				lines := draw(style)
				golden(t, picture+"_"+name, lines)

				for _, line := range lines {
					if Width(line) > style.Width && name != "24" {
						t.Errorf("line of %d columns, want at most %d: %q", Width(line), style.Width, line)
					}

					if !style.Color && strings.Contains(line, "\x1b") {
						t.Errorf("an escape without colour: %q", line)
					}

					if style.ASCII && len(line) != utf8.RuneCountInString(line) {
						t.Errorf("not ASCII: %q", line)
					}
				}
			})
		}
	}
}

func completed() view.JobView {
	job := ended()
	job.Result = []byte("{\n \"tiles\": 10000,\n \"note\": \"a\u2028b, 世界\"}")

	return job
}

func failed() view.JobView {
	job := tileIndex()
	job.Status, job.FinishedAt = state.JobFailed, &now
	job.Error = &state.Failure{Code: state.CodeTasksFailed, Message: "43 tasks failed", Stage: "measure"}
	job.Tasks.Cancelled = 2815

	return job
}

func jobs() []view.JobSummary {
	done := view.JobSummary{
		JobID: state.JobID{
			0xb0,
			0x1d,
			0x77,
			0xaa,
		},
		JobType:    "hello_world",
		Status:     state.JobCompleted,
		CreatedAt:  *before(2 * time.Minute),
		StartedAt:  before(2 * time.Minute),
		FinishedAt: before(2*time.Minute - 900*time.Millisecond),
		Tasks:      view.TaskCounts{Total: 2000, Completed: 2000},
		Parameters: []byte(`{"message":"Hello World","n":1000,"owner":{"name":"a\u001bb"}}`),
	}
	waiting := view.JobSummary{
		JobID:   state.JobID{0xc0, 0xff, 0xee},
		JobType: "container_list_with_a_long_name",
		Status:  state.JobQueued,
	}

	return []view.JobSummary{tileIndex().JobSummary, done, ended().JobSummary, waiting}
}

// texts knows the type of one of the jobs.
func texts() *view.ParameterTexts {
	return view.NewParameterTexts([]state.JobType{{
		Name: "hello_world",
		Schema: []byte(`{"type":"object","properties":{"n":{"type":"integer","default":3},` +
			`"message":{"type":"string","default":"Hello World"},` +
			`"owner":{"type":"object","properties":{"name":{"type":"string","default":""}}}}}`),
	}})
}

func tasks() []view.TaskSummary {
	return []view.TaskSummary{
		{
			Stage:      "measure",
			Index:      1006,
			Status:     state.TaskFailed,
			Attempt:    5,
			Failures:   5,
			StartedAt:  before(2 * time.Second),
			FinishedAt: before(800 * time.Millisecond),
			Error:      "read tile: connection reset by peer",
		},
		{
			Stage: "measure", Index: 4182, Status: state.TaskFailed, Attempt: 5, Failures: 5,
			StartedAt: before(2 * time.Second), FinishedAt: before(1200 * time.Millisecond),
			Error: "checksum mismatch:\n\twant 9e107d9d, have \x1b[31m00000000, 世界",
		},
		{Stage: "scan", Index: 0, Status: state.TaskRunning, Attempt: 1, StartedAt: before(time.Minute)},
	}
}

func failures() []view.FailureGroup {
	return []view.FailureGroup{
		{
			Stage:       "measure",
			Fingerprint: 0x1c22e0f3a55b41d7,
			Pattern:     "read tile: connection reset by peer",
			Message:     "read tile: connection reset by peer",
			Tasks:       37,
			Attempts:    185,
			FirstSeen:   *before(time.Minute),
			LastSeen:    *before(3 * time.Second),
			Indexes:     []int{1006, 1007, 2044, 9001},
		},
		{
			Stage:       "measure",
			Fingerprint: -2,
			Pattern:     "checksum mismatch:\n\twant #, have \x1b[31m#, 世界",
			Message:     "checksum mismatch:\n\twant 9e107d9d, have \x1b[31m00000000, 世界",
			Attempts:    view.MaxDepth,
			FirstSeen:   *before(time.Minute),
			LastSeen:    *before(2 * time.Minute),
			Indexes:     []int{4182},
		},
	}
}

// many returns a job with more stages than a frame has lines.
func many() view.JobView {
	job := tileIndex()
	job.Stages = nil

	for i := range 30 {
		status := state.StageCompleted

		switch {
		case i == 11 || i == 12:
			status = state.StageRunning
		case i > 12:
			status = state.StageWaiting
		}

		stage := view.StageView{
			Stage:   i,
			Name:    fmt.Sprintf("stage_%d", i),
			Status:  status,
			Planned: true,
			Tasks:   view.TaskCounts{Total: 10},
		}
		if i < 11 {
			stage.Tasks.Completed = 10
		}

		if i == 2 {
			stage.Tasks = view.TaskCounts{Total: 10, Completed: 9, Failed: 1}
		}

		job.Stages = append(job.Stages, stage)
	}

	return job
}

func TestJobTextCannotControlTheTerminal(t *testing.T) {
	t.Parallel()

	job := tileIndex()
	job.JobType = "a\x1b[2Jb"
	job.Stages[1].Name = "x\r\ny"
	job.Error = &state.Failure{Message: "\x07\x1b]0;title\x07", Stage: "\x1b"}
	job.Status, job.FinishedAt = state.JobFailed, &now
	task := view.TaskSummary{Stage: "\x1bs", Error: "one\ntwo\ttab\u202e"}
	s := Style{Width: 200}
	lines := append(s.Frame(job, nil, now), s.Status(job, now)...)
	lines = append(lines, s.End(job, now)...)
	lines = append(lines, Edges(nil, job, now)...)
	lines = append(lines, FirstFailure(job, task, now), Pulse(job, job.Stages[1], 3, now))
	lines = append(lines, TasksTabbed([]view.TaskSummary{task})...)
	lines = append(lines, s.Tasks([]view.TaskSummary{task}, nil, now)...)
	lines = append(lines, StatusTabbed(job, now)...)
	lines = append(lines, FailuresTabbed(failures())...)
	lines = append(lines, s.Failures(failures())...)

	lines = append(lines, s.Event(view.EventView{At: now, Kind: "task_failed\x1b", Message: "\x1b[0m"}))
	for _, line := range lines {
		if strings.ContainsAny(line, "\x1b\x07\r\n\u202e") {
			t.Errorf("%q", line)
		}
	}
}

func TestPipesGetTabsAndFullValues(t *testing.T) {
	t.Parallel()
	golden(t, "jobs_tabbed", JobsTabbed(jobs(), texts()))
	golden(t, "tasks_tabbed", TasksTabbed(tasks()))
	golden(t, "failures_tabbed", FailuresTabbed(failures()))
	golden(t, "status_tabbed", StatusTabbed(tileIndex(), now))
	golden(t, "result_tabbed", StatusTabbed(completed(), now))
}

func TestEdges(t *testing.T) {
	t.Parallel()

	queued := tileIndex()

	queued.Status, queued.StartedAt = state.JobQueued, nil
	for i := range queued.Stages {
		queued.Stages[i].Status = state.StageWaiting
		queued.Stages[i].StartedAt = nil
		queued.Stages[i].FinishedAt = nil
	}

	running, end := tileIndex(), failed()
	lines := Edges(nil, queued, now)
	lines = append(lines, Edges(&queued, running, now)...)
	lines = append(lines, Edges(&running, running, now)...)
	lines = append(lines, Pulse(running, running.Stages[1], 412, now), FirstFailure(running, tasks()[0], now))
	lines = append(lines, Edges(&running, end, now)...)
	golden(t, "edges", lines)
}

func TestEventText(t *testing.T) {
	t.Parallel()

	index := 1006
	event := func(kind, stage, detail string) view.EventView {
		return view.EventView{EventID: 7, At: now, Kind: kind, Stage: stage, Detail: []byte(detail)}
	}
	failure := event("task_failed", "measure", `{"final": false}`)
	failure.Index, failure.Attempt, failure.Message = &index, 1, "read tile: connection reset by peer"
	final := failure
	final.Attempt, final.Detail = 5, []byte(`{"final": true}`)

	var lines, tabbed []string

	for _, e := range []view.EventView{
		event("created", "", `{"by": "ada"}`), event("stage_started", "scan", `{"total": 1}`),
		event("stage_started", "list", ""), failure, final,
		event("stage_ended", "scan", `{"status": "completed", "total": 1, "completed": 1}`),
		event("stage_ended", "weigh", `{"status": "completed", "total": 9, "completed": 8, "failed": 1}`),
		event("stage_ended", "measure",
			`{"status": "failed", "total": 10000, "completed": 9900, "failed": 43, "cancelled": 57}`),
		event("job_failing", "", `{}`), event("cancel_requested", "", `{}`), event("retried", "", `{}`),
		event("rerun", "", `{}`),
		event("job_ended", "", `{"status": "failed"}`), event("a_new_kind", "scan", `[]`),
	} {
		text, _ := eventText(e)
		lines, tabbed = append(lines, text), append(tabbed, EventTabbed(e))
	}

	golden(t, "events", append(lines, tabbed...))
}

func TestOperations(t *testing.T) {
	t.Parallel()

	groups := []DeadGroup{
		{
			Queue:  "tasks",
			Reason: "MaxDeliveryCountExceeded",
			Count:  12,
			Wanted: 7,
			Oldest: *before(3 * time.Hour),
		},
		{Queue: "tasks", Count: 1000},
	}
	dead := []view.DeadView{
		{
			MessageID:  4,
			JobID:      tileIndex().JobID,
			StageName:  "measure",
			Stage:      1,
			First:      7,
			Count:      1,
			Deliveries: 101,
			Reason:     "MaxDeliveryCountExceeded",
			Since:      *before(time.Hour),
		},
		{
			MessageID: 12345,
			JobID:     tileIndex().JobID,
			StageName: "measure",
			Stage:     1,
			First:     100,
			Count:     50,
			Reason:    "a reason\x1b",
			Since:     *before(time.Minute),
		},
	}
	sweeps := []view.SweepView{
		{
			StartedAt: now,
			EndedAt:   before(-41 * time.Millisecond),
			Found:     []byte(`{"lost": 2, "resent": 1, "repaired": 0, "dead": 1, "expired": 3, "new_thing": 4}`),
		},
		{StartedAt: now, EndedAt: before(-time.Second), Found: []byte(`{"lost": 0}`)},
		{StartedAt: now, Found: []byte(`null`)},
	}
	lines := append(Style{Width: 100}.DeadGroups(groups, now), Style{Width: 40}.DeadGroups(groups, now)...)
	lines = append(lines, DeadGroupsTabbed(groups)...)
	lines = append(lines, Style{Width: 100}.Dead(dead, now)...)
	lines = append(lines, Style{Width: 40}.Dead(dead, now)...)

	lines = append(lines, DeadTabbed(dead)...)
	for _, sweep := range sweeps {
		lines = append(lines, Style{}.Sweep(sweep)...)
	}

	golden(t, "operate", lines)
}

// TestTimesForPeopleHaveTheirZone renders an event, a line of a watch and a line
// of a log in one zone, on a wide and on a narrow terminal.
func TestTimesForPeopleHaveTheirZone(t *testing.T) {
	t.Parallel()

	at := time.Date(2026, 11, 23, 23, 30, 15, 250_000_000, time.UTC)
	log := view.TaskLogView{Lines: []state.LogLine{{At: at, Level: "INFO", Text: "read\nmore"}}}

	for _, c := range []struct {
		width       int
		clock, text string
	}{{0, "2026-11-24 00:30:15 CET", "2026-11-24 00:30:15.250 CET"}, {59, "00:30:15 CET", "00:30:15.250 CET"}} {
		s := Style{Width: c.width, Zone: time.FixedZone("CET", 3600)}

		want := []string{
			c.clock + " cancel requested",
			"00:30:15 CET 3f9a job running",
			c.text + " INFO  read",
			strings.Repeat(" ", len(c.text)) + "       more",
		}

		got := append([]string{
			s.Event(view.EventView{At: at, Kind: "cancel_requested"}),
			s.Clock(at.Format(time.RFC3339) + " 3f9a job running"),
		}, s.Log(log, 1, 0)[1:]...)

		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", c.width, diff)
		}
	}
}
