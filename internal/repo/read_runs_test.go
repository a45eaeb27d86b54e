package repo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/fixtures"
)

// TestRunsOfAJob retries a job, and runs it again from the start. Earlier runs
// keep what they were.
func TestRunsOfAJob(t *testing.T) {
	t.Parallel()

	e := enginetest.Start(t, enginetest.Options{Jobs: fixtures.Jobs(), Handlers: fixtures.Handlers()})

	const params = `{"n":3,"how":"permanent"}`

	id := e.Submit("flaky", params)
	e.Wait(id).MustBe(t, state.JobFailed)
	retryJob(t, e, id)
	e.Wait(id).MustBe(t, state.JobFailed)

	rerun(t, e, "flaky", params)
	e.Wait(id).MustBe(t, state.JobFailed)

	runs, err := e.Process(0).Repo.ListRuns(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}

	var got []string

	for _, r := range runs {
		line := fmt.Sprintf("%d %s by %q %s ended %v", r.Attempt, r.Cause, r.By, r.Status, r.EndedAt != nil)

		var stages []string
		for _, s := range r.Stages {
			stages = append(stages, fmt.Sprintf("%s %d tasks", s.Name, s.Tasks))
		}

		got = append(got, fmt.Sprintf("%s; %s; %d kinds of errors", line, strings.Join(stages, "; "), len(r.Errors)))
	}

	want := []string{
		`3 rerun by "" failed ended true; work 3 tasks; 1 kinds of errors`,
		`2 retried by "test" failed ended true; work 3 tasks; 1 kinds of errors`,
		`1 created by "" failed ended true; work 3 tasks; 1 kinds of errors`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	_, err = e.Process(0).Repo.ListRuns(t.Context(), state.JobID{1})
	wantCode(t, "of an unknown job", err, state.CodeNotFound)
}
