package e2e_test

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

// brokenStore fails or hangs where a test asks for it. A call that hangs does
// not look at its context.
type brokenStore struct {
	coremachine.Store
	broken   atomic.Bool
	renewals func() error // nil: they work
	looks    func()       // nil: they work
	writes   func() error // of completions; nil: they work
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

func (s *brokenStore) StoppingJobs(ctx context.Context, of []state.JobID) ([]state.JobID, error) {
	if s.broken.Load() && s.looks != nil {
		s.looks()
	}

	return s.Store.StoppingJobs(ctx, of)
}

func (s *brokenStore) SharePaces(
	ctx context.Context,
	tell map[string]time.Duration,
) (map[string]time.Duration, error) {
	if s.broken.Load() && s.looks != nil {
		s.looks()
	}

	return s.Store.SharePaces(ctx, tell)
}

func (s *brokenStore) Complete(
	ctx context.Context,
	here state.Here,
	ends []state.TaskEnd,
) (state.Moved, error) {
	if s.broken.Load() && s.writes != nil {
		if err := s.writes(); err != nil {
			return state.Moved{}, err
		}
	}

	return s.Store.Complete(ctx, here, ends)
}

// TestHandlerContextsEndBeforeLease breaks the renewal in every way and compares
// the moment when a handler's context ends with the lease, both by the
// database's clock.
func TestHandlerContextsEndBeforeLease(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name            string
		renewals, looks bool // whether they hang
	}{
		{"RenewalsFail", false, false},
		{"RenewalsHang", true, false},
		{"LooksHangRenewalsFail", false, true},
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

			store.renewals = func() error { return lost }
			if tt.renewals {
				store.renewals = func() error {
					hang()
					return lost
				}
			}

			if tt.looks {
				store.looks = hang
			}

			fn := func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
				if task.Attempt > 1 {
					return workOut(in), nil
				}

				store.broken.Store(true)
				<-ctx.Done()

				var seconds float64

				err := clock.Pool().QueryRow(context.WithoutCancel(ctx),
					`select extract(epoch from max(w.lease_until) - clock_timestamp())::float8 from workers w`).
					Scan(&seconds)
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
					c.Lease, c.Renew, c.Grace = 3*time.Second, 800*time.Millisecond, 800*time.Millisecond
					store.Store, c.Store = c.Store, store
				},
			})
			id := e.Submit("one", `{"n":1}`)
			// Nobody else opens a lease before the handler has looked at this
			// one.
			if d := <-left; d <= 0 {
				t.Errorf("the handler's context ended %s after its lease", -d)
			}

			e.Wait(id).MustBe(t, state.JobCompleted)
		})
	}
}

// TestHangingCancelCheckDoesNotEndLease has what watches for stopped jobs hang for
// some lengths of a lease, while renewals work.
func TestHangingCancelCheckDoesNotEndLease(t *testing.T) {
	t.Parallel()

	again := make(chan struct{})
	store := &brokenStore{looks: func() { <-again }}
	goOn := make(chan struct{})
	fn := func(ctx context.Context, _ handlers.Task, in workIn) (workOut, error) {
		store.broken.Store(true)

		select {
		case <-goOn:
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
		"the lease was renewed for more than two of its lengths",
		func() bool { return store.renewed.Load() > from+14 },
	)
	close(again)
	close(goOn)
	e.Wait(id).MustBe(t, state.JobCompleted)
	mustCount(t, e, 1, `select count(*) from tasks where attempt = 1`)
	mustCount(t, e, 0, `select count(*) from attempts`)
}

// TestProcessThatCannotCompleteLosesLease has the completions of a process
// fail, or hang, while its renewals work: another does its work.
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

				return lost
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

			until(t, "the process holds its tasks", func() bool {
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
			store.broken.Store(false)
			close(again)
		})
	}
}

// TestHandlerContextEndsBeforeAnotherProcessStartsTask cuts one of two processes off from
// the database, in a way that nobody notices, and compares when its handler's
// context ended with when the other process began the same task.
func TestHandlerContextEndsBeforeAnotherProcessStartsTask(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	link := &cable{}
	held, ended, began := make(chan struct{}), make(chan time.Time, 1), make(chan time.Time, 1)
	jobs := map[string]define.Job{"one": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()})}
	lease := func(c *coremachine.Config) {
		// as in production, five times as fast
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
	until(t, "the other process lives", func() bool { return e.Process(0).Machine.Ready() })
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

// TestOutagesDoNotFailHealthyTasks takes the database away from all processes, more
// often than a task may lose workers, for longer than a lease.
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
				return lost
			}

			return nil
		},
	})
	id := e.Submit("one", `{"n":1}`)

	for range state.MaxLosses + 1 {
		until(t, "the database is away", out.Load)
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
