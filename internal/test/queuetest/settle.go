package queuetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"coremachine/internal/queue"
)

func abandon(t *testing.T, b Bus) {
	r := receiver(t, b)
	b.Put(t, messages(t, 1))

	for want := 1; want <= 3; want++ {
		d := receive(t, r, 1)[0]
		if d.Deliveries != want {
			t.Errorf("delivery %d has the number %d", want, d.Deliveries)
		}

		if err := r.Abandon(bounded(t), d); err != nil {
			t.Fatal(err)
		}
	}

	complete(t, r, receive(t, r, 1)...)
}

func lockEnds(t *testing.T, b Bus) {
	first, second := receiver(t, b), receiver(t, b)
	b.Put(t, messages(t, 1))
	d := receive(t, first, 1)[0]

	again := receive(t, second, 1)[0]
	if again.Deliveries != 2 || again.MessageID != d.MessageID {
		t.Errorf("got %+v after %+v", again, d)
	}

	if early := time.Until(d.LockedUntil); early > 100*time.Millisecond {
		t.Errorf("the message was delivered again %s before its lock expired", early)
	}

	complete(t, second, again)
}

// renewed keeps a delivery for longer than its lock.
func renewed(t *testing.T, b Bus) {
	first, second := receiver(t, b), receiver(t, b)
	b.Put(t, messages(t, 1))
	d := receive(t, first, 1)[0]
	ctx, cancel := context.WithTimeout(t.Context(), 2*b.Lock)
	defer cancel()

	came := make(chan int, 1)

	go func() {
		got, err := second.Receive(ctx, 1)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}

		came <- len(got)
	}()

	tick := time.NewTicker(b.Lock / 5)
	defer tick.Stop()

	for holding := true; holding; {
		select {
		case n := <-came:
			if holding = false; n > 0 {
				t.Error("the message was delivered again under a renewed lock")
			}
		case <-tick.C:
			until, err := first.Renew(bounded(t), d)
			if err != nil {
				t.Fatal(err)
			}

			if left := time.Until(until); left < b.Lock/2 || left > b.Lock+time.Second {
				t.Errorf("renewed for %s, want about %s", left, b.Lock)
			}
		}
	}

	complete(t, first, d)
	nothing(t, second, 200*time.Millisecond)
}

// lost settles deliveries whose locks have expired and that another receiver
// has received since. The calls must fail and have no effect.
func lost(t *testing.T, b Bus) {
	first, second := receiver(t, b), receiver(t, b)
	b.Put(t, messages(t, 4))
	old := receive(t, first, 4)
	again := receive(t, second, 4)

	want := func(what string, err error) {
		if !errors.Is(err, queue.ErrLockLost) {
			t.Errorf("%s: got %v, want ErrLockLost", what, err)
		}
	}
	if err := first.Complete(bounded(t), old[0]); !b.LostIsDone {
		want("Complete", err)
	} else if err != nil {
		t.Errorf("Complete: %v", err)
	}

	want("Abandon", first.Abandon(bounded(t), old[1]))
	want("DeadLetter", first.DeadLetter(bounded(t), old[2], "too late"))
	_, err := first.Renew(bounded(t), old[3])
	want("Renew", err)

	for _, d := range again {
		if d.Deliveries != 2 {
			t.Errorf("got %+v, want a second delivery", d)
		}
	}

	complete(t, second, again...)
	nothing(t, second, 200*time.Millisecond)

	if dead := peek(t, b); len(dead) > 0 {
		t.Errorf("dead letters: %+v", dead)
	}
}

func tooMany(t *testing.T, b Bus) {
	r := receiver(t, b)
	sent := messages(t, 1)
	b.Put(t, sent)

	for range b.MaxDeliveries {
		if err := r.Abandon(bounded(t), receive(t, r, 1)[0]); err != nil {
			t.Fatal(err)
		}
	}

	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()

	came := make(chan int, 1)

	go func() { // a receiver must poll, so that the transport creates the dead letter
		got, err := r.Receive(ctx, 1)
		if err == nil {
			t.Error("the message was delivered more often than the limit")
		}

		came <- len(got)
	}()

	eventually(t, "the message is a dead letter", func() bool { return len(peek(t, b)) == 1 })
	cancel()
	<-came

	if d := peek(t, b)[0]; d.Reason != "MaxDeliveryCountExceeded" || d.Deliveries < b.MaxDeliveries ||
		d.Message.First != sent[0].First {
		t.Errorf("got %+v", d)
	}
}

func deadLetter(t *testing.T, b Bus) {
	r := receiver(t, b)
	sent := messages(t, 3)
	b.Put(t, sent)

	all := receive(t, r, 3)
	for i, reason := range []string{"wrong", "odd"} {
		if err := r.DeadLetter(bounded(t), all[i], reason); err != nil {
			t.Fatal(err)
		}
	}

	complete(t, r, all[2])

	for range 2 { // peek must not change anything
		dead := peek(t, b)
		if len(dead) != 2 || dead[0].Reason != "wrong" || dead[1].Reason != "odd" || dead[0].ID == "" ||
			dead[0].ID == dead[1].ID {
			t.Errorf("got %+v", dead)
		}
	}

	one, err := b.Dead.Peek(bounded(t), Queue, 1)
	if err != nil || len(one) != 1 {
		t.Errorf("got %+v, %v, want one", one, err)
	}

	nothing(t, r, 200*time.Millisecond)
}

func redrive(t *testing.T, b Bus) {
	r := receiver(t, b)
	sent := messages(t, 5)
	b.Put(t, sent)

	for _, d := range receive(t, r, 5) {
		reason := "wanted"
		if d.Message.First == 0 {
			reason = "unwanted"
		}

		if err := r.DeadLetter(bounded(t), d, reason); err != nil {
			t.Fatal(err)
		}
	}

	again := func(reason string, most, want int) {
		if n, err := b.Dead.Redrive(bounded(t), Queue, reason, most); err != nil || n != want {
			t.Fatalf("sent %d messages again, %v, want %d", n, err, want)
		}

		got := receive(t, r, want)
		for _, d := range got {
			if d.Deliveries != 1 || d.Message.Send != 2 || d.Message.First == 0 && reason != "" {
				t.Errorf("got %+v", d)
			}
		}

		complete(t, r, got...)
	}
	again("wanted", 3, 3)
	again("wanted", 100, 1)

	if dead := peek(t, b); len(dead) != 1 || dead[0].Reason != "unwanted" {
		t.Errorf("remaining: %+v", dead)
	}

	again("", 100, 1)

	if dead := peek(t, b); len(dead) != 0 {
		t.Errorf("remaining: %+v", dead)
	}
}
