package repo_test

import (
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestSweepDeletesSupersededGenerations reruns and retries a job, and sweeps.
// Only the rows of the current generations remain, and all read models of the
// job stay the same.
func TestSweepDeletesSupersededGenerations(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestSweepDeletesSupersededGenerations) {
		return
	}

	service := &externalService{}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"again": tolerant(
			define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 8},
			define.Stage[params]{Name: "second", Tasks: follow()},
		)},
		Handlers: handlersOf(service.Call, handlers.Attempts(2), handlers.Base(time.Millisecond)),
	})
	id := e.Submit("again", `{"n":40}`)
	e.Wait(id).MustBe(t, state.JobCompleted)

	for range 3 {
		rerun(t, e, "again", `{"n":40}`)
		e.Wait(id).MustBe(t, state.JobCompleted)
	}

	service.Down.Store(true)
	rerun(t, e, "again", `{"n":40}`)
	e.Wait(id).MustBe(t, state.JobCompletedWithErrors)
	retryJob(t, e, id) // fails; the stage second starts over
	e.Wait(id).MustBe(t, state.JobCompletedWithErrors)

	task, err := e.Process(0).Repo.ReadTask(t.Context(), id, "first", 1)
	if err != nil {
		t.Fatal(err)
	}

	failures, err := e.Process(0).Repo.ListFailures(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}

	results := len(e.Results(id, "second"))

	rep := sweep(t, e)

	if rep.Superseded < 4*80+40 {
		t.Errorf("the sweep deleted %d rows of past generations, want 360 or more", rep.Superseded)
	}

	for _, table := range []string{"tasks", "attempts"} {
		mustCount(t, e, 0,
			`select count(*) from `+table+` t join stages s using (job_id, stage) where t.gen < s.gen`,
		)
	}

	after, err := e.Process(0).Repo.ReadTask(t.Context(), id, "first", 1)
	if err != nil || len(after.Attempts) != len(task.Attempts) || len(task.Attempts) == 0 {
		t.Errorf(
			"the task shows %d attempts, and %d before the sweep; %v",
			len(after.Attempts),
			len(task.Attempts),
			err,
		)
	}

	again, err := e.Process(0).Repo.ListFailures(t.Context(), id, "")
	if err != nil || len(again) != len(failures) || len(failures) == 0 {
		t.Errorf(
			"the job shows %d groups of failures, and %d before the sweep; %v",
			len(again),
			len(failures),
			err,
		)
	}

	if got := len(e.Results(id, "second")); got != results || got != 30 {
		t.Errorf("%d results of %d remain, want 30", got, results)
	}

	if rep := sweep(t, e); rep.Superseded != 0 {
		t.Errorf("a second sweep deleted %d rows", rep.Superseded)
	}

	service.Down.Store(false)
	retryJob(t, e, id)
	e.Wait(id).MustBe(t, state.JobCompleted)
}
