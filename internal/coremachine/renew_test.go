package coremachine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// slowStore is a database that is slow but makes progress.
type slowStore struct {
	coremachine.Store
	limit    int           // ends in a completion above which it reaches the statement's time limit; 0: none
	takes    time.Duration // until that time limit
	renewal  time.Duration // how long a renewal takes
	complete func()        // called before a completion; nil: it does nothing

	renewed atomic.Int64
	cut     atomic.Int64 // renewals that ended before the database answered
	largest atomic.Int64 // completion that landed

	timedOut atomic.Int64 // ends in the last completion, if it reached the time limit
	repeats  atomic.Int64 // times that a completion of that many ends reached it again
}

// maxRepeats is how often a completion may reach the time limit with the same
// ends. After that the database becomes fast, so that the test can report it.
const maxRepeats = 4

func (s *slowStore) RenewLease(ctx context.Context, worker uuid.UUID, lease time.Duration) (bool, error) {
	select {
	case <-time.After(s.renewal):
	case <-ctx.Done():
		s.cut.Add(1)

		return false, state.Wrap(state.CodeUnavailable, "slow", "slow", ctx.Err())
	}

	alive, err := s.Store.RenewLease(ctx, worker, lease)
	if err == nil && alive {
		s.renewed.Add(1)
	}

	return alive, err
}

func (s *slowStore) Complete(
	ctx context.Context,
	local state.LocalCapacity,
	ends []state.TaskEnd,
) (state.TransitionEffects, error) {
	if s.complete != nil {
		s.complete()
	}

	if s.limit > 0 && len(ends) > s.limit && s.repeats.Load() < maxRepeats {
		if s.timedOut.Swap(int64(len(ends))) == int64(len(ends)) {
			s.repeats.Add(1)
		}

		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
		}

		return state.TransitionEffects{}, state.Wrap(state.CodeUnavailable, "slow", "slow", state.ErrStatementTimeout)
	}

	s.timedOut.Store(0)

	effects, err := s.Store.Complete(ctx, local, ends)
	if err == nil {
		s.largest.Store(max(s.largest.Load(), int64(len(ends))))
	}

	return effects, err
}

// startSlow starts one process over the store, and mustKeepLease judges it at
// the end: no task ran twice.
func startSlow(
	t *testing.T,
	store *slowStore,
	config func(*coremachine.Config),
) (e *enginetest.Engine, mustKeepLease func()) {
	t.Helper()
	e = start(t, enginetest.Options{
		Jobs:     map[string]define.Job{"one": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()})},
		Handlers: handlersOf(echo), Dispatch: modeOf(t),
		Config: func(c *coremachine.Config) {
			config(c)
			store.Store, c.Store = c.Store, store
		},
	})

	return e, func() {
		t.Helper()
		mustCount(t, e, 1, `select count(*) from workers`)
		mustCount(t, e, 1, `select max(attempt) from tasks`)
	}
}

// TestBatchThatTimesOutIsHalvedUnderOneLease has a database that can complete
// 4 tasks in the time limit of a statement, and not the 200 that a process
// brings. To find out takes longer than a lease.
func TestBatchThatTimesOutIsHalvedUnderOneLease(t *testing.T) {
	t.Parallel()

	store := &slowStore{limit: 4, takes: 700 * time.Millisecond}
	e, mustKeepLease := startSlow(t, store, func(c *coremachine.Config) {
		c.Lease, c.Renew, c.Grace = 2500*time.Millisecond, 400*time.Millisecond, 400*time.Millisecond
	})
	e.Run("one", `{"n":200}`).MustBe(t, state.JobCompleted)
	mustKeepLease()

	if n := store.repeats.Load(); n > 0 {
		t.Errorf("a completion reached the time limit again with the same ends, %d times", n)
	}

	if n := store.largest.Load(); n == 0 || n > 4 {
		t.Errorf("the largest completion had %d ends, want at most 4", n)
	}
}

// TestCompletionThatTakesLongKeepsLease has one completion take longer than
// a lease without a failure.
func TestCompletionThatTakesLongKeepsLease(t *testing.T) {
	t.Parallel()

	store := &slowStore{}

	var once atomic.Bool

	store.complete = func() {
		if !once.CompareAndSwap(false, true) {
			return
		}

		from := store.renewed.Load()
		limit := time.After(time.Minute)

		for store.renewed.Load() < from+8 { // of which four fit into a lease
			select {
			case <-time.After(10 * time.Millisecond):
			case <-limit:
				return
			}
		}
	}
	e, mustKeepLease := startSlow(t, store, func(c *coremachine.Config) {
		c.Lease, c.Renew, c.Grace = 2*time.Second, 500*time.Millisecond, 400*time.Millisecond
	})
	e.Run("one", `{"n":3}`).MustBe(t, state.JobCompleted)
	mustKeepLease()
}

// TestSlowRenewalKeepsLease makes every renewal slow. Two consecutive renewals
// do not fit between the time when the first is due and the end of the
// handlers' contexts.
func TestSlowRenewalKeepsLease(t *testing.T) {
	t.Parallel()

	store := &slowStore{renewal: 3200 * time.Millisecond}
	store.complete = func() {
		limit := time.After(time.Minute)

		for store.renewed.Load() < 3 && store.cut.Load() == 0 {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-limit:
				return
			}
		}
	}
	e, mustKeepLease := startSlow(t, store, func(c *coremachine.Config) {
		c.Lease, c.Renew, c.Grace = 8*time.Second, 2*time.Second, 400*time.Millisecond
	})
	e.Run("one", `{"n":3}`).MustBe(t, state.JobCompleted)
	mustKeepLease()

	if n := store.cut.Load(); n > 0 {
		t.Errorf("%d renewals ended before the database answered", n)
	}
}
