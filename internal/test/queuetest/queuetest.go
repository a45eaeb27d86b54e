package queuetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"coremachine/internal/queue"
	"coremachine/internal/state"
)

// Queue is the queue that the tests use.
const Queue = state.QueueTasks

// Settings are what a test requires of a transport. A transport with fixed
// settings returns its own values in its Bus.
type Settings struct {
	Lock          time.Duration
	MaxDeliveries int
}

// Bus is an empty transport under test. All fields are required unless noted
// otherwise.
type Bus struct {
	Settings
	Receiver func(t *testing.T) queue.Receiver // the caller closes the receiver
	Dead     queue.DeadLetters
	Put      func(t *testing.T, msgs []state.Message) // makes messages due
	PutLater func(t *testing.T, m state.Message, wait time.Duration)

	Duplicates bool // a message that is sent twice under one ID is stored once
	LostIsDone bool // Complete after the lock was lost returns nil and does nothing
}

// patience limits the wait for an event. Only a failing test uses it up.
const patience = 3 * time.Minute

// Exercise runs every test against its own transport, which open returns.
func Exercise(t *testing.T, open func(t *testing.T, s Settings) Bus) {
	for _, test := range []struct {
		name string
		Settings
		run func(t *testing.T, b Bus)
	}{
		{"one message", Settings{}, oneMessage},
		{"batch", Settings{}, batch},
		{"receivers compete", Settings{}, compete},
		{"woken", Settings{}, woken},
		{"close ends receive", Settings{}, closed},
		{"context ends receive", Settings{}, ended},
		{"later", Settings{}, later},
		{"duplicates", Settings{}, duplicates},
		{"abandon", Settings{}, abandon},
		{"lock ends", Settings{Lock: time.Second}, lockEnds},
		{"lock is renewed", Settings{Lock: 2 * time.Second}, renewed},
		{"lock was lost", Settings{Lock: 2 * time.Second}, lost},
		{"too many deliveries", Settings{MaxDeliveries: 3}, tooMany},
		{"dead letter and peek", Settings{}, deadLetter},
		{"redrive", Settings{}, redrive},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			s := test.Settings
			if s.Lock == 0 {
				s.Lock = time.Minute
			}
			if s.MaxDeliveries == 0 {
				s.MaxDeliveries = 10
			}

			test.run(t, open(t, s))
		})
	}
}

// messages returns n task messages of the job of a test.
func messages(t *testing.T, n int) []state.Message {
	t.Helper()

	out := make([]state.Message, n)
	for i := range out {
		out[i] = state.Message{
			V:         state.EnvelopeVersion,
			JobID:     JobID(t),
			MessageID: int64(i + 1),
			Queue:     Queue,
			Kind:      state.KindTasks,
			Gen:       1,
			First:     i,
			Count:     1,
			Send:      1,
		}
	}

	return out
}

var run = time.Now().String() // IDs must be new in each run, since a namespace remembers those of the last one

// JobID returns the job ID of a test's messages.
func JobID(t *testing.T) state.JobID {
	t.Helper()
	return state.NewJobID("queuetest", []byte(t.Name()+run))
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)

	return ctx
}

// receiver opens a receiver that closes with the test.
func receiver(t *testing.T, b Bus) queue.Receiver {
	t.Helper()
	r := b.Receiver(t)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})

	return r
}

// receive receives n deliveries, in the order of their first tasks.
func receive(t *testing.T, r queue.Receiver, n int) []queue.Delivery {
	t.Helper()
	ctx := bounded(t)

	var all []queue.Delivery
	for len(all) < n {
		batch, err := r.Receive(ctx, n-len(all))
		if err != nil {
			t.Fatalf("received %d of %d: %v", len(all), n, err)
		}

		if len(batch) == 0 || len(all)+len(batch) > n {
			t.Fatalf("Receive returned %d deliveries, want 1 to %d", len(batch), n-len(all))
		}

		all = append(all, batch...)
	}

	slices.SortFunc(all, func(a, b queue.Delivery) int { return a.Message.First - b.Message.First })

	return all
}

// nothing checks that no delivery arrives for a while.
func nothing(t *testing.T, r queue.Receiver, while time.Duration) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), while)
	defer cancel()

	if got, err := r.Receive(ctx, 10); len(got) > 0 || err == nil {
		t.Errorf("received %+v, want nothing", got)
	}
}

func complete(t *testing.T, r queue.Receiver, all ...queue.Delivery) {
	t.Helper()

	for _, d := range all {
		if err := r.Complete(bounded(t), d); err != nil {
			t.Fatal(err)
		}
	}
}

// peek returns the dead letters with their first tasks and reasons.
func peek(t *testing.T, b Bus) []queue.Dead {
	t.Helper()

	dead, err := b.Dead.Peek(bounded(t), Queue, 100)
	if err != nil {
		t.Fatal(err)
	}

	slices.SortFunc(dead, func(a, b queue.Dead) int { return a.Message.First - b.Message.First })

	return dead
}

// sameMessages compares everything but the row number, which only a transport
// over rows assigns.
func sameMessages(t *testing.T, got []queue.Delivery, want []state.Message) {
	t.Helper()

	carried := make([]state.Message, len(got))
	for i, d := range got {
		carried[i] = d.Message
	}

	if diff := cmp.Diff(
		want,
		carried,
		cmpopts.IgnoreUnexported(state.Message{}),
		cmpopts.IgnoreFields(state.Message{}, "MessageID"),
	); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// eventually polls until ok returns true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()

	end := bounded(t)

	for !ok() {
		select {
		case <-tick.C:
		case <-end.Done():
			t.Fatal("timed out waiting until", what)
		}
	}
}
