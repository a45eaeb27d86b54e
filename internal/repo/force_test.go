package repo_test

import (
	"context"
	"sync/atomic"
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestForcedCancelEndsJobFromAnyState corrupts a running job in one of several
// ways, forces its cancel and runs it again.
func TestForcedCancelEndsJobFromAnyState(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestForcedCancelEndsJobFromAnyState) {
		return
	}

	for name, corrupt := range map[string]string{
		"nothing is wrong":  `select 1`,
		"no messages":       `delete from messages`,
		"a dead stop":       `update messages set dead_reason = 'x', worker_id = null, claimed_at = null`,
		"counters too low":  `update stages set completed = 0, cancelled = 0 where stage = 0`,
		"counters too high": `update stages set completed = least(planned, completed + 1) where stage = 0`,
		"tasks are gone":    `delete from tasks where index < 3`,
		"completed without it": `
			update stages set status = 'completed', finished_at = now(), completed = planned where stage = 0`,
		"a plan that is gone": `
			update stages set status = 'running', pending_dependencies = 0, total = null where stage = 1`,
		"stopped, no messages": `with j as (update jobs set cancel_requested_at = now()) delete from messages`,
		"messages of the past": `update messages set gen = 7`,
		"no stages left":       `update jobs set pending_stages = 0`,
		"more tasks than known": `
			insert into tasks (job_id, stage, gen, index) select job_id, 0, gen, 99 from stages where stage = 0`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			force(t, corrupt)
		})
	}
}

func force(t *testing.T, corrupt string) {
	t.Helper()

	gate := make(chan struct{})
	fn := func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
		if task.Index < 4 {
			return workOut(in), nil
		}

		select {
		case <-gate:
			return workOut(in), nil
		case <-ctx.Done():
			return workOut{}, ctx.Err()
		}
	}
	e := enginetest.Start(t, enginetest.Options{
		Jobs: map[string]define.Job{"held": jobOf(
			define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 1},
			define.Stage[params]{Name: "second", Tasks: follow()},
		)},
		Handlers: handlersOf(fn), InFlight: 20,
	})
	m := e.Process(0).Machine
	id := e.Submit("held", `{"n":8}`)

	until(t, "four tasks have completed", func() bool {
		return query(t, e, `select completed from stages where job_id = $1 and stage = 0`, id[:]) == 4
	})
	exec(t, e.Pool(), corrupt)

	if err := m.ForceCancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	e.Read(id).MustBe(t, state.JobCancelled)
	mustCount(t, e, 0, `select count(*) from messages`)
	mustCount(t, e, 1, `select count(*) from events where kind = 'cancel_forced'`)
	e.MustSatisfyInvariants()
	close(gate)

	if _, err := m.Retry(t.Context(), id, "test", ""); err != nil {
		t.Fatal(err)
	}

	job := e.Wait(id).MustBe(t, state.JobCompleted)
	job.Stage(t, "first").MustHave(t, job.Stage(t, "first").Total, 0)
	e.MustSatisfyInvariants()
}

// TestRetryAfterInterruptedForcedCancelIgnoresCounters has a forced cancel fail
// after its first transaction, over counters that are wrong. The sweep ends the
// job, and a retry runs it as if it were new.
func TestRetryAfterInterruptedForcedCancelIgnoresCounters(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestRetryAfterInterruptedForcedCancelIgnoresCounters) {
		return
	}

	gate := make(chan struct{})
	fn := func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
		if task.Index < 4 {
			return workOut(in), nil
		}

		select {
		case <-gate:
			return workOut(in), nil
		case <-ctx.Done():
			return workOut{}, ctx.Err()
		}
	}

	var cut atomic.Bool

	e := enginetest.Start(t, enginetest.Options{
		Jobs: map[string]define.Job{"held": jobOf(
			define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 1},
			define.Stage[params]{Name: "second", Tasks: follow()},
		)},
		Handlers: handlersOf(fn), InFlight: 20, Fault: func(at string) error {
			if at == "force_hold" && cut.CompareAndSwap(false, true) {
				return errConnectionLost
			}

			return nil
		},
	})
	m := e.Process(0).Machine
	id := e.Submit("held", `{"n":8}`)

	until(t, "four tasks have completed", func() bool {
		return query(t, e, `select completed from stages where job_id = $1 and stage = 0`, id[:]) == 4
	})
	exec(t, e.Pool(), `update stages set completed = 0 where stage = 0`)

	if err := m.ForceCancel(t.Context(), id, "test"); err == nil {
		t.Fatal("the forced cancel was not cut off")
	}

	exec(t, e.Pool(), `update messages set due_at = now() - interval '1 s' where dead_reason is not null`)

	if _, err := m.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}

	exec(t, e.Pool(), `update messages set due_at = now() where kind = 4`) // otherwise the redrive waits for 30 s
	e.Process(0).Queue.Wake(state.QueueJobs)
	e.Wait(id).MustBe(t, state.JobCancelled)

	close(gate)

	if _, err := m.Retry(t.Context(), id, "test", ""); err != nil {
		t.Fatal(err)
	}

	if gen := query(t, e, `select gen from stages where stage = 0`); gen != 2 {
		t.Fatalf("the retry continued generation %d, want a new one, because its counters are wrong", gen)
	}

	e.Wait(id).MustBe(t, state.JobCompleted).Stage(t, "first").MustHave(t, 8, 0)
	mustCount(t, e, 8, `select completed from stages where stage = 0`)
}

// TestCancelRedrivesDeadStopMessage cancels again, and sweeps, after the stop
// message was dead-lettered more often than the limit of redrives.
func TestCancelRedrivesDeadStopMessage(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestCancelRedrivesDeadStopMessage) {
		return
	}

	for name, revive := range map[string]func(*coremachine.Machine, state.JobID) error{
		"cancel": func(m *coremachine.Machine, id state.JobID) error { return m.Cancel(t.Context(), id, "again") },
		"sweep": func(m *coremachine.Machine, _ state.JobID) error {
			_, err := m.Sweep(t.Context())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			hold := make(chan struct{})

			t.Cleanup(func() { close(hold) })

			fn := func(ctx context.Context, _ handlers.Task, in workIn) (workOut, error) {
				select {
				case <-hold:
				case <-ctx.Done():
				}

				return workOut(in), ctx.Err()
			}
			e := start(t, enginetest.Options{
				Jobs: map[string]define.Job{
					"held": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 1}),
				},
				Handlers: handlersOf(fn),
			})
			id := e.Submit("held", `{"n":4}`)
			exec(t, e.Pool(), `create function kill() returns trigger language plpgsql as $$
				begin new.dead_reason = 'x'; new.redrives = 1000; return new; end $$`)
			exec(
				t,
				e.Pool(),
				`create trigger kill before insert on messages for each row when (new.kind = 4) execute `+
					`function kill()`,
			)

			if err := e.Process(0).Machine.Cancel(t.Context(), id, "test"); err != nil {
				t.Fatal(err)
			}

			mustCount(t, e, 1, `select count(*) from messages where kind = 4 and dead_reason is not null`)

			if err := revive(e.Process(0).Machine, id); err != nil {
				t.Fatal(err)
			}

			mustCount(t, e, 0, `select count(*) from messages where kind = 4 and dead_reason is not null`)
			exec(t, e.Pool(), `update messages set due_at = now() where kind = 4`) // otherwise the sweep waits
			e.Process(0).Queue.Wake(state.QueueJobs)
			e.Wait(id).MustBe(t, state.JobCancelled)
		})
	}
}

// TestForcedCancelRejectsJobsThatAreNotOpen forces the cancel of jobs that are
// not open.
func TestForcedCancelRejectsJobsThatAreNotOpen(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestForcedCancelRejectsJobsThatAreNotOpen) {
		return
	}

	e := startFailing(t)
	m := e.Process(0).Machine
	id := e.Submit("tiles", `{"n":4}`)
	e.Wait(id).MustBe(t, state.JobFailed)
	wantCode(t, "cancel of a failed job", m.ForceCancel(t.Context(), id, "test"), state.CodeConflict)
	e.Read(id).MustBe(t, state.JobFailed)

	if _, _, err := e.Process(0).Repo.PurgeMark(t.Context(), id); err != nil {
		t.Fatal(err)
	}

	wantCode(t, "cancel of a job that is being deleted", m.ForceCancel(t.Context(), id, "test"), state.CodeConflict)

	err := m.ForceCancel(t.Context(), state.JobID{1}, "test")
	wantCode(t, "cancel of a job that does not exist", err, state.CodeNotFound)
	mustCount(t, e, 0, `select count(*) from messages`)
}
