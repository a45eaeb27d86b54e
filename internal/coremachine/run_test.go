package coremachine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestJobToleratesItsShareOfFailures fails 5 of 100 tasks, and then 6.
func TestJobToleratesItsShareOfFailures(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestJobToleratesItsShareOfFailures) {
		return
	}

	fn := func(_ context.Context, task handlers.Task, in workIn) (workOut, error) {
		if p, err := handlers.Params[params](task); err != nil || task.Index < p.Seed {
			return workOut{}, handlers.Permanent(errors.New("broken"))
		}

		return workOut(in), nil
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"bears": define.Define(define.Definition[params]{
			Description: "a test",
			Tolerance:   0.05,
			Stages:      []define.Stage[params]{{Name: "many", Tasks: dynamic()}},
		})},
		Handlers: handlersOf(fn),
	})
	e.Run("bears", `{"n":100,"seed":5}`).
		MustBe(t, state.JobCompletedWithErrors).
		Stage(t, "many").
		MustHave(t, 95, 5)

	if job := e.Run("bears", `{"n":100,"seed":6}`).
		MustBe(t, state.JobFailed); job.Error.Code != state.CodeTasksFailed ||
		job.Stage(t, "many").Status != state.StageFailed {
		t.Errorf("above its share the job is %+v", job)
	}
}

// TestSuspectTaskInBundleDoesNotDelayOthers has a bundle with a task that has
// lost two workers, which its message does not show. The task runs only after
// all other tasks have ended, including those of its own bundle.
func TestSuspectTaskInBundleDoesNotDelayOthers(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestSuspectTaskInBundleDoesNotDelayOthers) {
		return
	}

	const n = 40

	var others, runs atomic.Int64

	all := make(chan struct{})
	fn := func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
		switch {
		case task.Stage == "each" && task.Index == 5:
			runs.Add(1)

			select {
			case <-all:
			case <-ctx.Done():
			}
		case task.Stage == "each" && others.Add(1) == n-1:
			close(all)
		}

		return workOut(in), ctx.Err()
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"suspects": jobOf(
			define.Stage[params]{
				Name:  "one",
				Tasks: single(),
			},
			define.Stage[params]{Name: "each", Tasks: spread("one"), Bundle: 4},
		)},
		Handlers: handlersOf(fn), Config: func(c *coremachine.Config) { c.MaxRunning = 8 },
	})
	exec(
		t,
		e,
		`create function add_losses() returns trigger language plpgsql as $$ begin new.losses = 2; return new; end $$`,
	)
	exec(
		t,
		e,
		`create trigger add_losses before insert on tasks for each row
		when (new.stage = 1 and new.index = 5) execute function add_losses()`,
	)
	e.Run("suspects", fmt.Sprintf(`{"seed":%d}`, n)).
		MustBe(t, state.JobCompleted).
		Stage(t, "each").
		MustHave(t, n, 0)

	if runs.Load() != 1 {
		t.Errorf("the suspect ran %d times, want once", runs.Load())
	}
}

// TestFifthLossIsFinal expires the lease of a process whose task has already
// lost four workers, and runs two sweeps concurrently.
func TestFifthLossIsFinal(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestFifthLossIsFinal) {
		return
	}

	started, resume := make(chan struct{}, 1), make(chan struct{})
	fn := func(_ context.Context, _ handlers.Task, in workIn) (workOut, error) {
		started <- struct{}{}

		<-resume

		return workOut(in), nil
	}
	e := start(
		t,
		enginetest.Options{
			Jobs: map[string]define.Job{
				"suspects": jobOf(define.Stage[params]{Name: "one", Tasks: single()}),
			},
			Handlers: handlersOf(fn),
		},
	)
	id := e.Submit("suspects", `{}`)

	<-started
	exec(t, e, `insert into tasks (job_id, stage, gen, index, losses) select job_id, 0, 1, 0, 4 from jobs`)
	exec(t, e, `update workers set lease_until = '-infinity'`)

	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := e.Process(0).Machine.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}

	both.Wait()
	job := e.Wait(id).MustBe(t, state.JobFailed)

	close(resume)
	job.Stage(t, "one").MustHave(t, 0, 1)
	mustCount(t, e, 1,
		`select count(*) from tasks where status = 'failed' and losses = 5 and error::json->>'code' = $1`,
		string(state.CodeWorkerLost),
	)
	mustCount(t, e, 1, `select count(*) from attempts where outcome = 'lost' and final`)
	mustCount(t, e, 1,
		`select count(*) from events where kind = 'work_lost' and (detail->>'failed')::int = 1`,
	)
	mustCount(t, e, 2, `select count(*) from sweeps where ended_at is not null and found is not null`)

	if rows, err := e.Process(0).Repo.ListFailures(t.Context(), id, ""); err != nil || len(rows) != 1 ||
		rows[0].Tasks != 1 {
		t.Errorf("the failures are %s, %v", fmt.Sprint(rows), err)
	}
}
