package coremachine_test

import (
	"encoding/json"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/fixtures"
)

// TestEngineWorksWithShortTasksDisabled runs jobs of every stage kind, a cancel
// and a retry on two processes without what only makes short tasks fast.
func TestEngineWorksWithShortTasksDisabled(t *testing.T) {
	t.Parallel()

	e := enginetest.Start(t, enginetest.Options{
		Jobs: fixtures.Jobs(), Handlers: fixtures.Handlers(), Processes: 2, Dispatch: enginetest.Local,
		Config: func(c *coremachine.Config) {
			c.DisableShortTasks = true
			c.Grace = 400 * time.Millisecond
		},
	})

	tests := []struct {
		job, body string
		status    state.JobStatus
		stage     string // the stage whose only task has this result
		want      fixtures.NumberOut
	}{
		{"diamond", `{"seed":10}`, state.JobCompleted, "d", fixtures.NumberOut{Value: 23, Count: 2}},
		{"skip", `{"n":4}`, state.JobCompleted, "end", fixtures.NumberOut{Value: 24, Count: 8}},
		{"fanin", `{"n":1000}`, state.JobCompleted, "sum", fixtures.NumberOut{Value: 499_500, Count: 1000}},
		{"fanout", `{"n":20,"k":10}`, state.JobCompleted, "sum", fixtures.NumberOut{Value: 19_900, Count: 200}},
		{"parts", `{"n":20,"k":10}`, state.JobCompleted, "sum", fixtures.NumberOut{Value: 19_900, Count: 200}},
		{"match_failed", `{}`, state.JobCompletedWithErrors, "sum", fixtures.NumberOut{Value: 33, Count: 6}},
		{"hello", `{"n":2000}`, state.JobCompleted, "", fixtures.NumberOut{}},
		{"flaky", `{"n":20,"times":3}`, state.JobFailed, "", fixtures.NumberOut{}},
	}

	ids := make([]state.JobID, len(tests))
	for i, tt := range tests {
		ids[i] = e.Submit(tt.job, tt.body)
	}

	for i, tt := range tests {
		e.Wait(ids[i]).MustBe(t, tt.status)

		if tt.stage == "" {
			continue
		}

		var got fixtures.NumberOut
		if err := json.Unmarshal(e.Results(ids[i], tt.stage)[0], &got); err != nil || got != tt.want {
			t.Errorf("%s %s: stage %s: got %+v, %v, want %+v", tt.job, tt.body, tt.stage, got, err, tt.want)
		}
	}

	m := e.Process(0).Machine

	// The retried attempts fail again: the fixture counts the attempts of a run.
	failed := ids[len(ids)-1]
	if res, err := m.Retry(t.Context(), failed, "test", ""); err != nil || res.Tasks == 0 {
		t.Errorf("retry: got %+v, %v, want tasks that run again", res, err)
	}

	e.Wait(failed).MustBe(t, state.JobFailed)

	sleeping := e.Submit("sleepy", `{"n":10,"millis":600000}`)
	if err := m.Cancel(t.Context(), sleeping, "test"); err != nil {
		t.Errorf("cancel: %v", err)
	}

	e.Wait(sleeping).MustBe(t, state.JobCancelled)

	var shared int
	if err := e.Pool().QueryRow(t.Context(), `select count(*) from task_durations`).Scan(&shared); err != nil {
		t.Fatal(err)
	}

	if shared != 0 {
		t.Errorf("the processes shared %d duration estimates, want none", shared)
	}

	e.MustSatisfyInvariants()
}
