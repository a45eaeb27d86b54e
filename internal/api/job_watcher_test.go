package api_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// versions is a table of job versions that a JobWatcher reads.
type versions struct {
	mu      sync.Mutex
	jobs    map[state.JobID]view.Seen
	took    time.Duration
	fail    error
	reads   atomic.Int64
	largest int // maximum number of ids in one reading
}

func newVersions(ids ...state.JobID) *versions {
	v := &versions{jobs: map[state.JobID]view.Seen{}}
	for _, id := range ids {
		v.jobs[id] = view.Seen{Status: state.JobRunning, Version: "1.0"}
	}

	return v
}

func (v *versions) read(ctx context.Context, ids []state.JobID) (map[state.JobID]view.Seen, error) {
	v.reads.Add(1)

	if v.took > 0 {
		select {
		case <-time.After(v.took):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}

	v.mu.Lock()
	defer v.mu.Unlock()

	v.largest = max(v.largest, len(ids))
	seen := map[state.JobID]view.Seen{}

	for _, id := range ids {
		if s, ok := v.jobs[id]; ok {
			seen[id] = s
		}
	}

	return seen, v.fail
}

func (v *versions) set(id state.JobID, status state.JobStatus, version string) {
	v.mu.Lock()
	defer v.mu.Unlock()

	v.jobs[id] = view.Seen{Status: status, Version: version}
}

func TestJobWatcherAdaptsItsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVersions(state.JobID{1})
		h := api.NewJobWatcher(v.read, nil)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()

		done := make(chan error, 1)

		go func() { _, err := h.Wait(ctx, state.JobID{1}, ""); done <- err }()

		pass(time.Second)

		if n := v.reads.Load(); n < 5 || n > 12 {
			t.Errorf("%d readings in the first second", n)
		}

		before := v.reads.Load()

		pass(10 * time.Second)

		if n := v.reads.Load() - before; n < 19 || n > 22 {
			t.Errorf("%d readings in ten idle seconds", n)
		}

		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}

		synctest.Wait()

		before = v.reads.Load()

		pass(time.Minute)

		if n := v.reads.Load() - before; n != 0 {
			t.Errorf("%d readings without waiters", n)
		}

		h.Close()
	})
}

// pass advances the time of a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }

func TestJobWatcherWakesOnlyAffectedWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, gone := state.JobID{1}, state.JobID{2}, state.JobID{3}
		v := newVersions(a, b)

		h := api.NewJobWatcher(v.read, nil)
		defer h.Close()

		type woken struct {
			seen view.Seen
			err  error
			at   time.Duration
		}

		begin := time.Now()
		wait := func(id state.JobID, since string) <-chan woken {
			c := make(chan woken, 1)

			go func() {
				seen, err := h.Wait(t.Context(), id, since)
				c <- woken{seen, err, time.Since(begin)}
			}()

			return c
		}

		changes, end, other, missing := wait(a, "1.0"), wait(a, ""), wait(b, "1.0"), wait(gone, "")
		if got := <-missing; got.err != nil || got.seen != (view.Seen{}) {
			t.Errorf("missing job: got %+v", got)
		}

		pass(10 * time.Second)
		v.set(a, state.JobRunning, "1.1")

		if got := <-changes; got.seen.Version != "1.1" || got.at > 10*time.Second+500*time.Millisecond {
			t.Errorf("change: got %+v", got)
		}

		select {
		case got := <-end:
			t.Errorf("a change woke the waiter for the end: %+v", got)
		case got := <-other:
			t.Errorf("a change woke the waiter for another job: %+v", got)
		default:
		}

		pass(10 * time.Second)

		at := time.Since(begin)

		v.set(a, state.JobFailed, "2.1")
		h.Nudge(a)

		if got := <-end; !got.seen.Status.Ended() || got.at-at > time.Millisecond {
			t.Errorf("end: got %+v after a nudge at %s", got, at)
		}

		if v.largest < 2 {
			t.Errorf("the largest reading has %d jobs, want all awaited jobs", v.largest)
		}

		h.Close()

		if got := <-other; got.err == nil {
			t.Errorf("closed watcher: got %+v", got)
		}

		if _, err := h.Wait(t.Context(), a, ""); err == nil {
			t.Error("a closed watcher accepted a waiter")
		}
	})
}

func TestJobWatcherToleratesASlowOrFailingDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id := state.JobID{1}
		v := newVersions(id)
		v.took, v.fail = 200*time.Millisecond, errors.New("away")

		h := api.NewJobWatcher(v.read, nil)
		defer h.Close()

		done := make(chan view.Seen, 1)

		go func() { seen, _ := h.Wait(t.Context(), id, "1.0"); done <- seen }()

		v.set(id, state.JobRunning, "1.1")
		pass(10 * time.Second)

		if n := v.reads.Load(); n > 11 {
			t.Errorf("%d readings of 200 ms in 10 s: more than a fifth of the time", n)
		}

		select {
		case seen := <-done:
			t.Errorf("a failed reading woke a waiter: %+v", seen)
		default:
		}

		v.mu.Lock()
		v.fail = nil
		v.mu.Unlock()

		if seen := <-done; seen.Version != "1.1" {
			t.Errorf("got %+v", seen)
		}
	})
}

func TestJobWatcherKeepsAWaiterThatArrivesAsTheLastOneLeaves(t *testing.T) {
	t.Parallel()

	id := state.JobID{1}
	v := newVersions(id)

	h := api.NewJobWatcher(v.read, nil)
	defer h.Close()

	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 20 {
				if seen, err := h.Wait(t.Context(), id, "0.0"); err != nil || seen.Version != "1.0" {
					t.Errorf("got %+v, %v", seen, err)
				}
			}
		})
	}

	all.Wait()
}
