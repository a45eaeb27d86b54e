package servicebus_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/queue"
	"coremachine/internal/state"
)

// newServeTest returns a queue with n messages and a receiver of it.
func newServeTest(t *testing.T, lock time.Duration, n int) (*sbfake.Broker, queue.Receiver) {
	t.Helper()
	b, c := open(t, sbfake.Options{Lock: lock})
	send(t, c, n)

	return b, receiver(t, c)
}

func TestServeHandlesEachMessageWithinLimit(t *testing.T) {
	t.Parallel()

	const n, limit = 200, 8

	b, r := newServeTest(t, time.Minute, n)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var inFlight, maxInFlight, done atomic.Int64

	queue.Serve(ctx, r, limit, nil, slog.New(slog.DiscardHandler), func(context.Context, state.Message) error {
		if k := inFlight.Add(1); k > maxInFlight.Load() {
			maxInFlight.Store(k)
		}
		defer inFlight.Add(-1)

		if done.Add(1) == n {
			cancel()
		}

		return nil
	})

	if done.Load() != n || maxInFlight.Load() > limit {
		t.Errorf("handled %d messages, %d concurrently, want 200, at most 8", done.Load(), maxInFlight.Load())
	}

	if d := b.Depth("tasks"); d != (sbfake.Depth{}) {
		t.Errorf("got depth %+v, want an empty queue", d)
	}
}

func TestServeRequeuesFailures(t *testing.T) {
	t.Parallel()
	b, r := newServeTest(t, time.Minute, 5)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var mu sync.Mutex

	times, done := map[int]int{}, 0

	queue.Serve(
		ctx,
		r,
		5,
		nil,
		slog.New(slog.DiscardHandler),
		func(_ context.Context, m state.Message) error {
			mu.Lock()
			defer mu.Unlock()

			if times[m.First]++; times[m.First] < 3 {
				return errors.New("not yet")
			}

			if done++; done == 5 {
				cancel()
			}

			return nil
		},
	)

	for first, k := range times {
		if k != 3 {
			t.Errorf("message %d was handled %d times, want 3", first, k)
		}
	}

	if d := b.Depth("tasks"); d != (sbfake.Depth{}) {
		t.Errorf("got depth %+v, want an empty queue", d)
	}
}

// A handler that takes longer than the lock keeps it, and Serve waits for a
// handler that runs when ctx ends.
func TestServeRenewsLocksAndWaitsForHandlers(t *testing.T) {
	t.Parallel()
	b, r := newServeTest(t, 3*time.Second, 1)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	var calls atomic.Int64

	queue.Serve(ctx, r, 2, nil, slog.New(slog.DiscardHandler), func(context.Context, state.Message) error {
		calls.Add(1)
		<-time.After(5 * time.Second) // longer than the lock
		cancel()

		return nil
	})

	if calls.Load() != 1 {
		t.Errorf("handled %d times, want once", calls.Load())
	}

	if d := b.Depth("tasks"); d != (sbfake.Depth{}) {
		t.Errorf("got depth %+v, want an empty queue", d)
	}
}

func TestServeEndsWhenReceiverCloses(t *testing.T) {
	t.Parallel()
	_, r := newServeTest(t, time.Minute, 1)
	queue.Serve(
		t.Context(),
		r,
		1,
		nil,
		slog.New(slog.DiscardHandler),
		func(context.Context, state.Message) error {
			return r.Close()
		},
	)
}
