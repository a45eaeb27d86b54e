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

// serving makes a queue with n messages and a receiver of it.
func serving(t *testing.T, lock time.Duration, n int) (*sbfake.Broker, queue.Receiver) {
	t.Helper()
	b, c := open(t, sbfake.Options{Lock: lock})
	send(t, c, n)

	return b, receiver(t, c)
}

func TestServeHandlesEachMessageAndNoMoreAtOnce(t *testing.T) {
	t.Parallel()

	const n, most = 200, 8

	b, r := serving(t, time.Minute, n)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var inHand, worst, done atomic.Int64

	queue.Serve(ctx, r, most, nil, slog.New(slog.DiscardHandler), func(context.Context, state.Message) error {
		if k := inHand.Add(1); k > worst.Load() {
			worst.Store(k)
		}
		defer inHand.Add(-1)

		if done.Add(1) == n {
			cancel()
		}

		return nil
	})

	if done.Load() != n || worst.Load() > most {
		t.Errorf("handled %d messages, %d at once", done.Load(), worst.Load())
	}

	if d := b.Depth("tasks"); d != (sbfake.Depth{}) {
		t.Errorf("left: %+v", d)
	}
}

func TestServeGivesFailuresBack(t *testing.T) {
	t.Parallel()
	b, r := serving(t, time.Minute, 5)

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
		t.Errorf("left: %+v", d)
	}
}

// A handler that outlasts the lock keeps it, and one that is under way when
// serving ends is waited for.
func TestServeKeepsLocksAndWaits(t *testing.T) {
	t.Parallel()
	b, r := serving(t, 3*time.Second, 1)

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
		t.Errorf("left: %+v", d)
	}
}

func TestServeEndsWithItsReceiver(t *testing.T) {
	t.Parallel()
	_, r := serving(t, time.Minute, 1)
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
