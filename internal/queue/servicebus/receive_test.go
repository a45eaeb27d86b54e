package servicebus_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/queue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
)

func send(t *testing.T, c queue.Sender, n int) {
	t.Helper()

	if err := c.Send(t.Context(), state.QueueTasks, messages(n)); err != nil {
		t.Fatal(err)
	}
}

func TestCompleteAfterLockWasLost(t *testing.T) {
	t.Parallel()
	b, c := open(t, sbfake.Options{})
	r := receiver(t, c)
	send(t, c, 1)

	old := receiveN(t, r, 1)[0]
	if n := b.DropLocks("tasks"); n != 1 {
		t.Fatalf("dropped %d locks, want 1", n)
	}

	if err := r.Complete(t.Context(), old); !errors.Is(err, queue.ErrLockLost) {
		t.Errorf("got %v, want ErrLockLost", err)
	}

	again := receiveN(t, r, 1)[0]
	if err := r.Complete(t.Context(), again); err != nil {
		t.Error(err)
	}

	if d := b.Depth("tasks"); d != (sbfake.Depth{}) {
		t.Errorf("got depth %+v, want an empty queue", d)
	}
}

// A delivery outlives its connection: another connection settles it by lock
// token, within the time that Serve allows.
func TestSettleAfterConnectionWasLost(t *testing.T) {
	t.Parallel()

	for name, settle := range map[string]func(context.Context, queue.Receiver, queue.Delivery) error{
		"complete": func(ctx context.Context, r queue.Receiver, d queue.Delivery) error {
			return r.Complete(ctx, d)
		},
		"dead letter": func(ctx context.Context, r queue.Receiver, d queue.Delivery) error {
			return r.DeadLetter(ctx, d, "odd")
		},
		"abandon": func(ctx context.Context, r queue.Receiver, d queue.Delivery) error {
			return r.Abandon(ctx, d)
		},
		"renew": func(ctx context.Context, r queue.Receiver, d queue.Delivery) error {
			_, err := r.Renew(ctx, d)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c := open(t, sbfake.Options{})
			r := receiver(t, c)
			send(t, c, 1)
			d := receiveN(t, r, 1)[0]

			b.DropConnections()

			limit, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()

			if err := settle(limit, r, d); err != nil {
				t.Fatal(err)
			}

			want := map[string]sbfake.Depth{
				"complete":    {},
				"dead letter": {Dead: 1},
				"abandon":     {Ready: 1},
				"renew":       {Locked: 1},
			}[name]
			if got := b.Depth("tasks"); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestSettleAfterConnectionAndLockWereLost(t *testing.T) {
	t.Parallel()
	b, c := open(t, sbfake.Options{})
	r := receiver(t, c)
	send(t, c, 1)
	d := receiveN(t, r, 1)[0]

	b.DropConnections()
	b.DropLocks("tasks")

	if err := r.Complete(t.Context(), d); !errors.Is(err, queue.ErrLockLost) {
		t.Errorf("got %v, want ErrLockLost", err)
	}

	if got := b.Depth("tasks"); got.Ready != 1 {
		t.Errorf("got %+v, want 1 ready", got)
	}
}

func TestSettleFaults(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		name  string
		fault sbfake.SettleFault
		want  error
		left  sbfake.Depth
	}{
		{"lock lost", sbfake.SettleLoseLock, queue.ErrLockLost, sbfake.Depth{Ready: 1}},
		// The first call takes effect, so the second finds no lock.
		{"answer lost", sbfake.SettleLoseAck, queue.ErrLockLost, sbfake.Depth{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, c := open(t, sbfake.Options{})
			r := receiver(t, c)
			send(t, c, 1)
			d := receiveN(t, r, 1)[0]

			b.SetFaults(sbfake.Faults{Settle: func(string) sbfake.SettleFault { return test.fault }})

			if err := r.Complete(t.Context(), d); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}

			if got := b.Depth("tasks"); got != test.left {
				t.Errorf("got depth %+v, want %+v", got, test.left)
			}
		})
	}
}

// Connections drop while messages are being delivered.
func TestReceiveAfterDroppedConnections(t *testing.T) {
	t.Parallel()
	b, c := open(t, sbfake.Options{Lock: time.Second})

	var calls atomic.Int64

	b.SetFaults(sbfake.Faults{Receive: func(string) bool { return calls.Add(1)%20 == 0 }})

	r := receiver(t, c)
	send(t, c, 60)

	got := map[string]bool{}
	for len(got) < 60 {
		for _, d := range receiveN(t, r, 1) {
			if err := r.Complete(t.Context(), d); err == nil || errors.Is(err, queue.ErrLockLost) {
				got[d.MessageID] = true
			}
		}
	}

	if calls.Load() < 60 {
		t.Errorf("the hook ran %d times, want at least 60", calls.Load())
	}
}

// The fake broker delivers the newest message first.
func TestReceiveOutOfOrder(t *testing.T) {
	t.Parallel()
	b, c := open(t, sbfake.Options{})
	b.SetFaults(sbfake.Faults{Order: func(_ string, n int) int { return n - 1 }})
	send(t, c, 10)

	if d := receiveN(t, receiver(t, c), 1)[0]; d.Message.First != 9 {
		t.Errorf("got message %d, want the newest", d.Message.First)
	}
}

// The error names the missing role. Receive only logs it and retries.
func TestUnauthorizedErrorNamesRole(t *testing.T) {
	t.Parallel()
	b, c := open(t, sbfake.Options{})
	b.SetFaults(sbfake.Faults{Token: func(string) bool { return true }})

	_, err := c.Peek(t.Context(), state.QueueTasks, 1)
	if err == nil || !strings.Contains(err.Error(), "Azure Service Bus Data Receiver") ||
		state.CodeOf(err) != state.CodeUnavailable {
		t.Errorf("got %v, want an error that names the role", err)
	}
}

// An outage is logged once, and so is the recovery.
func TestReceiveLogsOutageOnce(t *testing.T) {
	t.Parallel()
	b, connection := broker(t, sbfake.Options{})

	var logged bytes.Buffer // used by one goroutine

	c := client(t, servicebus.Options{Connection: connection, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	send(t, c, 1)

	var tokens atomic.Int64

	b.DropConnections()
	b.SetFaults(
		sbfake.Faults{
			Token: func(audience string) bool { return strings.HasSuffix(audience, "/tasks") && tokens.Add(1) <= 3 },
		},
	)

	r := receiver(t, c)
	if err := r.Complete(t.Context(), receiveN(t, r, 1)[0]); err != nil {
		t.Error(err)
	}

	log, n := logged.String(), tokens.Load()
	if strings.Count(log, "retrying") != 1 || strings.Count(log, "recovered") != 1 || n < 3 {
		t.Errorf("requested %d tokens, want at least 3, and one failure and one recovery logged:\n%s", n, log)
	}
}
