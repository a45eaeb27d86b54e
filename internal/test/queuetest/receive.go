package queuetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"coremachine/internal/queue"
	"coremachine/internal/state"
)

func oneMessage(t *testing.T, b Bus) {
	r, sent := receiver(t, b), messages(t, 1)
	b.Put(t, sent)
	got := receive(t, r, 1)
	sameMessages(t, got, sent)

	d := got[0]
	if d.Deliveries != 1 || d.MessageID != sent[0].TransportID() ||
		d.CorrelationID != sent[0].JobID.String() ||
		d.EnqueuedAt.IsZero() {
		t.Errorf("got %+v", d)
	}

	if left := time.Until(d.LockedUntil); left < b.Lock/2 || left > b.Lock+time.Second {
		t.Errorf("the lock expires in %s, want about %s", left, b.Lock)
	}

	body, err := state.DecodeMessage(d.Body)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(d.Message, body, cmpopts.IgnoreUnexported(state.Message{})); diff != "" {
		t.Errorf("the body differs: %s", diff)
	}

	complete(t, r, got...)
	nothing(t, r, 200*time.Millisecond)
}

func batch(t *testing.T, b Bus) {
	r, sent := receiver(t, b), messages(t, 500)
	b.Put(t, sent)
	got := receive(t, r, len(sent))
	sameMessages(t, got, sent)
	complete(t, r, got...)
	nothing(t, r, 200*time.Millisecond)
}

// compete has two receivers receive all messages. No delivery may reach both.
func compete(t *testing.T, b Bus) {
	const n = 200

	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()

	var mu sync.Mutex

	times := map[int]int{}

	var open sync.WaitGroup

	for range 2 {
		r := receiver(t, b)

		open.Go(func() {
			for {
				got, err := r.Receive(ctx, 7)
				if err != nil {
					return
				}

				for _, d := range got {
					if err := r.Complete(context.WithoutCancel(ctx), d); err != nil {
						t.Error(err)
					}

					mu.Lock()
					if times[d.Message.First]++; len(times) == n {
						cancel()
					}
					mu.Unlock()
				}
			}
		})
	}

	b.Put(t, messages(t, n))
	open.Wait()

	if len(times) != n {
		t.Errorf("%d messages were received, want %d", len(times), n)
	}

	for first, k := range times {
		if k != 1 {
			t.Errorf("message %d was delivered %d times", first, k)
		}
	}
}

// woken has a receiver wait separately for each message.
func woken(t *testing.T, b Bus) {
	r := receiver(t, b)
	for _, m := range messages(t, 10) {
		came := make(chan error, 1)

		go func() {
			got, err := r.Receive(bounded(t), 1)
			if err == nil {
				err = r.Complete(t.Context(), got[0])
			}

			came <- err
		}()

		b.Put(t, []state.Message{m})

		if err := <-came; err != nil {
			t.Fatal(err)
		}
	}
}

func closed(t *testing.T, b Bus) {
	r := b.Receiver(t)
	b.Put(t, messages(t, 1))
	complete(t, r, receive(t, r, 1)...) // opens its link

	came := make(chan error, 1)

	ctx := bounded(t)
	go func() {
		_, err := r.Receive(ctx, 1)
		came <- err
	}()

	if err := r.Close(); err != nil {
		t.Error(err)
	}

	if err := <-came; !errors.Is(err, queue.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}

	if _, err := r.Receive(ctx, 1); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("a call after Close: got %v, want ErrClosed", err)
	}

	if err := r.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

// ended checks that Receive ends with its context and that the receiver
// continues to work.
func ended(t *testing.T, b Bus) {
	r := receiver(t, b)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()

	if _, err := r.Receive(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}

	b.Put(t, messages(t, 1))
	complete(t, r, receive(t, r, 1)...)
}

func later(t *testing.T, b Bus) {
	r := receiver(t, b)
	sent, wait := messages(t, 2), 1500*time.Millisecond
	begin := time.Now()

	b.PutLater(t, sent[0], wait)
	b.Put(t, sent[1:])
	complete(t, r, receive(t, r, 1)...)
	got := receive(t, r, 1)
	sameMessages(t, got, sent[:1])

	if waited := time.Since(begin); waited < wait-100*time.Millisecond {
		t.Errorf("delivered after %s, due after %s", waited, wait)
	}

	complete(t, r, got...)
}

func duplicates(t *testing.T, b Bus) {
	if !b.Duplicates {
		return // rows have keys, so there are no duplicates to detect
	}

	r, sent := receiver(t, b), messages(t, 3)
	b.Put(t, sent)
	b.Put(t, sent)
	complete(t, r, receive(t, r, len(sent))...)
	b.Put(t, sent[:1])
	nothing(t, r, time.Second)

	sent[0].Send++
	b.Put(t, sent[:1])
	got := receive(t, r, 1)
	sameMessages(t, got, sent[:1])
	complete(t, r, got...)
}
