package coremachine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// brokenStore fails or hangs in the calls that a test selects. A call that
// hangs ignores its context.
type brokenStore struct {
	coremachine.Store
	broken   atomic.Bool
	renewals func() error // nil: renewals succeed
	checks   func()       // nil: cancel checks succeed
	writes   func() error // nil: completions succeed
	rejoins  func()       // nil: a lost lease is released immediately
	renewed  atomic.Int64
}

func (s *brokenStore) RenewLease(ctx context.Context, worker uuid.UUID, lease time.Duration) (bool, error) {
	if s.broken.Load() && s.renewals != nil {
		if err := s.renewals(); err != nil {
			return false, err
		}
	}

	alive, err := s.Store.RenewLease(ctx, worker, lease)
	if err == nil && alive {
		s.renewed.Add(1)
	}

	return alive, err
}

func (s *brokenStore) Rejoin(
	ctx context.Context,
	worker uuid.UUID,
	lost []state.ClaimedMessage,
) (excused int, effects state.TransitionEffects, err error) {
	if s.broken.Load() && s.rejoins != nil {
		s.rejoins()
	}

	return s.Store.Rejoin(ctx, worker, lost)
}

func (s *brokenStore) StoppingJobs(ctx context.Context, of []state.JobRef) ([]state.JobRef, error) {
	if s.broken.Load() && s.checks != nil {
		s.checks()
	}

	return s.Store.StoppingJobs(ctx, of)
}

func (s *brokenStore) ShareDurations(
	ctx context.Context,
	publish map[string]time.Duration,
) (map[string]time.Duration, error) {
	if s.broken.Load() && s.checks != nil {
		s.checks()
	}

	return s.Store.ShareDurations(ctx, publish)
}

func (s *brokenStore) Complete(
	ctx context.Context,
	local state.LocalCapacity,
	ends []state.TaskEnd,
) (state.TransitionEffects, error) {
	if s.broken.Load() && s.writes != nil {
		if err := s.writes(); err != nil {
			return state.TransitionEffects{}, err
		}
	}

	return s.Store.Complete(ctx, local, ends)
}

// TestHandlerContextsEndBeforeLease breaks the renewal in several ways. By the
// database's clock, the context of a handler must end before the lease does.
func TestHandlerContextsEndBeforeLease(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name             string
		renewals, checks bool // whether they hang
	}{
		{"RenewalsFail", false, false},
		{"RenewalsHang", true, false},
		{"ChecksHangRenewalsFail", false, true},
		{"AllHang", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)

			clock, err := repo.Open(t.Context(), repo.Config{URL: url})
			if err != nil {
				t.Fatal(err)
			}

			t.Cleanup(clock.Close)

			left := make(chan time.Duration, 1)
			store := &brokenStore{}
			again := make(chan struct{})
			hang := func() { <-again }

			store.rejoins = hang
			store.renewals = func() error { return errConnectionLost }

			if tt.renewals {
				store.renewals = func() error {
					hang()
					return errConnectionLost
				}
			}

			if tt.checks {
				store.checks = hang
			}

			fn := func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
				if task.Attempt > 1 {
					return workOut(in), nil
				}

				reading := context.WithoutCancel(ctx)

				var worker uuid.UUID

				if err := clock.Pool().QueryRow(reading, `select worker_id from workers`).Scan(&worker); err != nil {
					left <- 0
					return workOut{}, err
				}

				store.broken.Store(true)
				<-ctx.Done()

				// The process opens its next lease meanwhile.
				var seconds float64

				err := clock.Pool().QueryRow(reading,
					`select extract(epoch from lease_until - clock_timestamp())::float8
					from workers where worker_id = $1`,
					worker).Scan(&seconds)
				left <- time.Duration(seconds * float64(time.Second))

				store.broken.Store(false)
				close(again)

				return workOut{}, err
			}
			e := start(t, enginetest.Options{
				Jobs: map[string]define.Job{
					"one": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()}),
				},
				Handlers: handlersOf(fn),
				URL:      url,
				Dispatch: modeOf(t),
				Config: func(c *coremachine.Config) {
					c.Lease, c.Renew, c.Grace = 6*time.Second, 1600*time.Millisecond, 1600*time.Millisecond
					store.Store, c.Store = c.Store, store
				},
			})
			id := e.Submit("one", `{"n":1}`)

			if d := <-left; d <= 0 {
				t.Errorf("the handler's context ended %s after its lease", -d)
			}

			e.Wait(id).MustBe(t, state.JobCompleted)
		})
	}
}

// TestHangingCancelCheckDoesNotEndLease makes the check for cancelled jobs hang
// for several lease durations, while renewals work.
func TestHangingCancelCheckDoesNotEndLease(t *testing.T) {
	t.Parallel()

	again := make(chan struct{})
	store := &brokenStore{checks: func() { <-again }}
	resume := make(chan struct{})
	fn := func(ctx context.Context, _ handlers.Task, in workIn) (workOut, error) {
		store.broken.Store(true)

		select {
		case <-resume:
			return workOut(in), nil
		case <-ctx.Done():
			return workOut{}, context.Cause(ctx)
		}
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"one": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()}),
		},
		Handlers: handlersOf(fn),
		Dispatch: modeOf(t),
		Config: func(c *coremachine.Config) {
			c.Lease, c.Renew, c.Grace = 3*time.Second, 500*time.Millisecond, 800*time.Millisecond
			store.Store, c.Store = c.Store, store
		},
	})
	id := e.Submit("one", `{"n":1}`)

	until(t, "the handler runs", store.broken.Load)
	from := store.renewed.Load()

	until(
		t,
		"the lease was renewed for more than twice its duration",
		func() bool { return store.renewed.Load() > from+14 },
	)
	close(again)
	close(resume)
	e.Wait(id).MustBe(t, state.JobCompleted)
	mustCount(t, e, 1, `select count(*) from tasks where attempt = 1`)
	mustCount(t, e, 0, `select count(*) from attempts`)
}

// TestProcessThatCannotCompleteLosesLease makes the completions of a process
// fail or hang while its renewals work. Another process must do its work.
func TestProcessThatCannotCompleteLosesLease(t *testing.T) {
	t.Parallel()

	for _, hang := range []bool{false, true} {
		t.Run(fmt.Sprintf("Hang%t", hang), func(t *testing.T) {
			t.Parallel()

			again := make(chan struct{})
			store := &brokenStore{writes: func() error {
				if hang {
					<-again
				}

				return errConnectionLost
			}}
			store.broken.Store(true)

			var first sync.Once

			e := start(t, enginetest.Options{
				Jobs: map[string]define.Job{
					"one": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()}),
				},
				Handlers: handlersOf(echo),
				Dispatch: modeOf(t),
				Config: func(c *coremachine.Config) {
					shortLease(c)
					first.Do(func() { store.Store, c.Store = c.Store, store })
				},
			})
			id := e.Submit("one", `{"n":3}`)

			defer func() {
				store.broken.Store(false)
				close(again)
			}()

			until(t, "the process has claimed its tasks", func() bool {
				return query(t, e, `select count(*) from messages where worker_id is not null`) > 0
			})
			e.Process(0).StopReceiving()
			other := enginetest.Start(t, enginetest.Options{
				Jobs: map[string]define.Job{
					"one": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()}),
				},
				Handlers: handlersOf(echo),
				Dispatch: modeOf(t),
				Config:   shortLease,
				URL:      e.URL(),
			})
			other.Wait(id).MustBe(t, state.JobCompleted)
		})
	}
}

// TestHandlerContextEndsBeforeAnotherProcessStartsTask disconnects one of two
// processes from the database without closing its connections. The context of
// its handler must end before the other process starts the same task.
func TestHandlerContextEndsBeforeAnotherProcessStartsTask(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	link := &cable{}
	held, ended, began := make(chan struct{}), make(chan time.Time, 1), make(chan time.Time, 1)
	jobs := map[string]define.Job{"one": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()})}
	lease := func(c *coremachine.Config) {
		// the ratios of production, five times faster
		c.Lease, c.Renew, c.Grace = 3*time.Second, time.Second, time.Second
	}
	cutOff := enginetest.Start(t, enginetest.Options{
		Jobs: jobs, URL: url, Config: lease, Dispatch: modeOf(t), Connect: link.connect,
		Handlers: handlersOf(func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
			if task.Attempt > 1 {
				return workOut(in), nil
			}

			close(held)
			<-ctx.Done()

			ended <- time.Now()

			return workOut{}, context.Cause(ctx)
		}),
	})
	id := cutOff.Submit("one", `{"n":1}`)

	<-held

	e := start(t, enginetest.Options{
		Jobs: jobs, URL: url, Config: lease, Dispatch: modeOf(t),
		Handlers: handlersOf(func(_ context.Context, _ handlers.Task, in workIn) (workOut, error) {
			began <- time.Now()
			return workOut(in), nil
		}),
	})
	until(t, "the other process is ready", func() bool { return e.Process(0).Machine.Ready() })
	link.set(true)

	before, after := <-ended, <-began
	if !before.Before(after) {
		t.Errorf(
			"the handler's context ended %s after the other process had begun its task",
			before.Sub(after),
		)
	}

	t.Logf("the handler's context ended %s before the other process began its task", after.Sub(before))
	e.Wait(id).MustBe(t, state.JobCompleted)
	link.set(false)
}

// TestOutagesDoNotFailHealthyTasks disconnects all processes from the database,
// each time for longer than a lease, and more often than the limit of losses of
// a task.
func TestOutagesDoNotFailHealthyTasks(t *testing.T) {
	t.Parallel()

	var out atomic.Bool

	fn := func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
		if task.Attempt > state.MaxLosses+1 {
			return workOut(in), nil
		}

		out.Store(true)
		<-ctx.Done()

		return workOut{}, context.Cause(ctx)
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"one": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()}),
		},
		Handlers:  handlersOf(fn),
		Dispatch:  modeOf(t),
		Config:    shortLease,
		Processes: 2,
		Fault: func(string) error {
			if out.Load() {
				return errConnectionLost
			}

			return nil
		},
	})
	id := e.Submit("one", `{"n":1}`)

	for range state.MaxLosses + 1 {
		until(t, "the database is unavailable", out.Load)
		until(t, "all leases have ended", func() bool {
			return query(t, e, `select count(*) from workers where lease_until > now()`) == 0 &&
				!e.Process(0).Machine.Ready() && !e.Process(1).Machine.Ready()
		})
		out.Store(false)
	}

	e.Wait(id).MustBe(t, state.JobCompleted).Stage(t, "only").MustHave(t, 1, 0)
	until(t, "no loss is counted", func() bool {
		return query(t, e, `select count(*) from tasks where losses = 0`) == 1 &&
			query(t, e, `select count(*) from attempts where outcome <> 'interrupted'`) == 0
	})
}
