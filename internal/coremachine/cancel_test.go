package coremachine_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestCancelAbandonsUnresponsiveHandler cancels a job that is half done. All
// running handlers but one obey their context.
func TestCancelAbandonsUnresponsiveHandler(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestCancelAbandonsUnresponsiveHandler) {
		return
	}

	var running sync.WaitGroup
	running.Add(20)

	unblock := make(chan struct{})

	release := sync.OnceFunc(func() { close(unblock) })
	defer release()

	fn := func(ctx context.Context, t handlers.Task, in workIn) (workOut, error) {
		if t.Index >= 20 {
			return workOut(in), nil
		}

		running.Done()

		if t.Index == 7 {
			<-unblock
			return workOut{Value: poison}, nil
		}

		<-ctx.Done()

		return workOut{}, ctx.Err()
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"long": jobOf(
			define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 5, Window: 20},
			define.Stage[params]{Name: "next", Tasks: follow()},
		)},
		Handlers: handlersOf(fn), Config: shortGrace,
	})
	m := e.Process(0).Machine
	id := e.Submit("long", `{"n":500}`)

	running.Wait()

	if err := m.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	if err := m.Cancel(t.Context(), id, "test"); err != nil {
		t.Errorf("cancelling again: %v", err)
	}

	for _, again := range []bool{false, true} {
		_, err := m.Submit(
			t.Context(),
			coremachine.SubmitRequest{Type: "long", Body: []byte(`{"n":500}`), Rerun: again},
		)
		if state.CodeOf(err) != state.CodeConflict {
			t.Errorf("submitting while it is being stopped (rerun %v): %v", again, err)
		}
	}

	begin := time.Now()

	// One handler does not return before release is called.
	job := e.Wait(id).MustBe(t, state.JobCancelled)
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("the stop took %s", took)
	}

	if s := job.Stage(t, "many"); s.Status != state.StageCancelled || s.Cancelled != 500 {
		t.Errorf("many: %+v", s)
	}

	if m.Unresponsive() != 1 {
		t.Errorf("%d handlers are unresponsive, want 1", m.Unresponsive())
	}

	release()
	until(t, "the unresponsive handler has returned", func() bool { return m.Unresponsive() == 0 })
	mustCount(t, e, 500, `select count(*) from tasks where status = 'cancelled' and result is null`)
	mustCount(t, e, 1, `select count(*) from events where kind = 'job_ended'`)

	if err := m.Cancel(t.Context(), id, "test"); err != nil {
		t.Errorf("cancelling a cancelled job: %v", err)
	}
}

// countingStore counts how often a stop reads its progress.
type countingStore struct {
	coremachine.Store
	reads atomic.Int64
}

func (s *countingStore) StopState(ctx context.Context, id state.JobID) (state.CancelProgress, bool, error) {
	s.reads.Add(1)
	return s.Store.StopState(ctx, id)
}

// TestCancelAbandonsUnresponsivePlanner cancels a job while a planner hangs in
// a stage of which some tasks are planned.
func TestCancelAbandonsUnresponsivePlanner(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestCancelAbandonsUnresponsivePlanner) {
		return
	}

	planning, unblock := make(chan struct{}), make(chan struct{})
	defer close(unblock)

	plan := func(_ params, _ int, _ workOut) iter.Seq[workIn] {
		return func(yield func(workIn) bool) {
			for i := range 10_001 { // it writes one chunk before it hangs
				if !yield(workIn{Value: i}) {
					return
				}
			}

			close(planning)
			<-unblock
		}
	}
	store := &countingStore{}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"hangs": jobOf(
			define.Stage[params]{Name: "list", Tasks: single()},
			define.Stage[params]{Name: "many", Tasks: define.FanOut(work, define.From("list", work), plan)},
		)},
		Handlers: handlersOf(echo),
		Config:   func(c *coremachine.Config) { shortGrace(c); store.Store, c.Store = c.Store, store },
	})
	id := e.Submit("hangs", `{}`)

	<-planning

	if err := e.Process(0).Machine.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	if s := e.Wait(id).
		MustBe(t, state.JobCancelled).
		Stage(t, "many"); s.Status != state.StageCancelled || s.Planned != 10_000 ||
		s.Cancelled != 10_000 {
		t.Errorf("many: %+v", s)
	}

	if n := store.reads.Load(); n > 100 {
		t.Errorf("the stop read its progress %d times", n)
	}

	mustCount(t, e, 10_001, `select count(*) from tasks`)
}

// TestFailFastCancelsRunningTasks fails a job by one of many tasks. Queued
// tasks are cancelled, the contexts of running tasks end, and the error of the
// job names the stage.
func TestFailFastCancelsRunningTasks(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestFailFastCancelsRunningTasks) {
		return
	}

	var (
		notified atomic.Int64
		running  sync.WaitGroup
	)
	running.Add(9)

	fn := func(ctx context.Context, t handlers.Task, in workIn) (workOut, error) {
		if t.Stage == "first" {
			return workOut(in), nil
		}

		if t.Index == 9 {
			running.Wait()
			return workOut{}, handlers.Permanent(errors.New("no retry can help"))
		}

		if t.Index > 9 {
			<-ctx.Done()
			return workOut{}, ctx.Err()
		}

		running.Done()
		<-ctx.Done()
		notified.Add(1)

		return workOut{}, ctx.Err()
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"strict": jobOf(
			define.Stage[params]{Name: "first", Tasks: single()},
			define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 1, Window: 30},
			define.Stage[params]{Name: "next", Tasks: fanIn()},
		)},
		Handlers: handlersOf(fn), Config: shortGrace, Processes: 2,
	})

	job := e.Run("strict", `{"n":300}`).MustBe(t, state.JobFailed)
	if job.Error == nil || job.Error.Code != state.CodeTasksFailed || job.Error.Stage != "many" {
		t.Errorf("the job's error is %+v", job.Error)
	}

	job.Stage(t, "first").MustHave(t, 1, 0)

	if s := job.Stage(t, "many").MustHave(t, 0, 1); s.Status != state.StageFailed || s.Cancelled != 299 {
		t.Errorf("many: %+v", s)
	}

	if s := job.Stage(t, "next"); s.Status != state.StageCancelled {
		t.Errorf("next: %+v", s)
	}
	// Handlers of another process learn of the failure at its next check, which
	// can come after the job has ended.
	until(t, "every handler's context has ended", func() bool { return notified.Load() == 9 })
}
