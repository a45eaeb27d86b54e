package coremachine_test

import (
	"context"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestRetryRunsFailedTasksAndDownstreamStages retries a job that tolerated
// failures. Completed tasks do not run again, and every stage downstream of a
// failure runs from the start.
func TestRetryRunsFailedTasksAndDownstreamStages(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestRetryRunsFailedTasksAndDownstreamStages) {
		return
	}

	service := &externalService{}
	service.Down.Store(true)
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"carries_on": tolerant(
			define.Stage[params]{Name: "apart", Tasks: single()},
			define.Stage[params]{
				Name:      "first",
				Tasks:     dynamic(),
				DependsOn: define.None,
				Bundle:    8,
				Window:    16,
			},
			define.Stage[params]{Name: "second", Tasks: follow(), Bundle: 4},
			define.Stage[params]{Name: "sum", Tasks: fanIn(), DependsOn: []string{"apart", "second"}},
		)},
		Handlers:  handlersOf(service.Call, handlers.Attempts(2), handlers.Base(time.Millisecond)),
		Processes: 2,
	})

	for round := range 3 { // after a rerun, a retry starts from higher generations and attempts
		if round > 0 {
			service.Down.Store(true)
			rerun(t, e, "carries_on", `{"n":40}`)
		}

		id := e.Submit("carries_on", `{"n":40}`)
		job := e.Wait(id).MustBe(t, state.JobCompletedWithErrors)
		job.Stage(t, "first").MustHave(t, 30, 10)

		if s := job.Stage(t, "second").MustHave(t, 30, 0); s.Cancelled != 10 {
			t.Fatalf("second: %+v", s)
		}

		gen := job.Stage(t, "first").Gen
		retryJob(t, e, id) // fails: the service is still unavailable
		e.Wait(id).MustBe(t, state.JobCompletedWithErrors).Stage(t, "first").MustHave(t, 30, 10)
		service.Down.Store(false)

		if res := retryJob(t, e, id); res.Tasks != 10 || res.Stages != 2 {
			t.Errorf("the retry reset %d tasks and %d stages, want 10 and 2", res.Tasks, res.Stages)
		}

		job = e.Wait(id).MustBe(t, state.JobCompleted)
		job.Stage(t, "first").MustHave(t, 40, 0)
		job.Stage(t, "second").MustHave(t, 40, 0)

		if first, second := job.Stage(t, "first").Gen, job.Stage(t, "second").Gen; first != gen ||
			second != gen+2 {
			t.Errorf("the generations are %d and %d, want %d and %d", first, second, gen, gen+2)
		}

		mustCount(t, e, 30,
			`select count(*) from tasks where job_id = $1 and stage = 1 and gen = $2 and attempt = 1`,
			id[:],
			gen,
		)
	}
}

// TestRetryAfterFailFast retries a job with stages that never started and tasks
// that were never dispatched.
func TestRetryAfterFailFast(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestRetryAfterFailFast) {
		return
	}

	service := &externalService{}
	service.Down.Store(true)
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"fails_fast": jobOf(
			define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 2, Window: 10},
			define.Stage[params]{Name: "second", Tasks: spread("first")},
		)},
		Handlers: handlersOf(service.Call, handlers.Attempts(1)), Processes: 2,
	})
	id := e.Submit("fails_fast", `{"n":200}`)

	job := e.Wait(id).MustBe(t, state.JobFailed)
	if s := job.Stage(t, "first"); s.Status != state.StageFailed || s.Completed+s.Failed+s.Cancelled != 200 ||
		s.Failed == 0 || s.Cancelled == 0 {
		t.Errorf("first: %+v", s)
	}

	if s := job.Stage(t, "second"); s.Status != state.StageCancelled {
		t.Errorf("second: %+v", s)
	}

	service.Down.Store(false)
	retryJob(t, e, id)
	e.Wait(id).MustBe(t, state.JobCompleted).Stage(t, "first").MustHave(t, 200, 0)
	mustCount(t, e, 1,
		`select count(*) from stages where stage = 1 and status = 'completed' and total = (199 * 200) / 2`,
	)

	if _, err := e.Process(0).Machine.Retry(t.Context(), id, "test", ""); state.CodeOf(err) != state.CodeConflict {
		t.Errorf("retrying a job that completed: %v", err)
	}
}

// TestRetryAfterCancelDuringLastStage retries a cancelled job that has nothing
// left to run.
func TestRetryAfterCancelDuringLastStage(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestRetryAfterCancelDuringLastStage) {
		return
	}

	started, resume := make(chan state.JobID), make(chan struct{})
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"one": jobOf(define.Stage[params]{Name: "only", Tasks: single()})},
		Handlers: handlersOf(func(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
			started <- t.JobID

			<-resume // ignores the cancel and returns in time

			return workOut(in), nil
		}),
	})
	id := e.Submit("one", `{}`)

	<-started

	if err := e.Process(0).Machine.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	close(resume)
	e.Wait(id).MustBe(t, state.JobCancelled).Stage(t, "only").MustHave(t, 1, 0)
	retryJob(t, e, id)
	e.Wait(id).MustBe(t, state.JobCompleted)
}

// TestSlowBundleSplitsOffItsRest records the completed tasks of a bundle before
// it splits off the rest, so that only the rest is requeued.
func TestSlowBundleSplitsOffItsRest(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestSlowBundleSplitsOffItsRest) {
		return
	}

	store := &slowHandBack{}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"slow": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 10}),
		},
		Handlers: handlersOf(func(_ context.Context, _ handlers.Task, in workIn) (workOut, error) {
			return workOut(in), nil
		}),
		Config: func(c *coremachine.Config) {
			c.Budget, c.MaxRunning = time.Nanosecond, 1
			store.Store, store.t, c.Store = c.Store, t, store
		},
	})
	store.e = e
	id := e.Submit("slow", `{"n":10}`)
	e.Wait(id).MustBe(t, state.JobCompleted).Stage(t, "only").MustHave(t, 10, 0)

	if store.calls.Load() == 0 {
		t.Error("the bundle was not split")
	}

	mustCount(t, e, 10, `select count(*) from status_log where record = 'task' and now = 'completed'`)
}
