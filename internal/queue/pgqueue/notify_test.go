package pgqueue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
)

// TestNotifyWakesOtherProcesses notifies from one queue. The other one polls
// only once an hour.
func TestNotifyWakesOtherProcesses(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	sender, listener := open(t, pool, pgqueue.Options{}), open(t, pool, pgqueue.Options{Poll: time.Hour})
	r := listener.Receiver(state.QueueTasks)

	for i := range 10 {
		received := make(chan error, 1)
		go func() { received <- receiveOne(t, r) }()

		rows.InsertMessage(t, pool, jobID, rows.Message{First: i, Due: -time.Second})
		sender.Wake(state.QueueTasks)

		if err := <-received; err != nil {
			t.Fatal(err)
		}
	}
}

// TestPollingFindsRowWithoutNotify covers a process that ends between its
// commit and the NOTIFY.
func TestPollingFindsRowWithoutNotify(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := open(t, pool, pgqueue.Options{Poll: 50 * time.Millisecond}).Receiver(state.QueueTasks)

	received := make(chan error, 1)
	go func() { received <- receiveOne(t, r) }()

	rows.InsertMessage(t, pool, jobID, rows.Message{Due: -time.Second})

	if err := <-received; err != nil {
		t.Fatal(err)
	}
}

// TestListenerReconnects terminates the listener's connection.
func TestListenerReconnects(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	named := newPool(
		t,
		pool,
		func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = "cut " + jobID.Short() },
	)
	r := open(t, named, pgqueue.Options{Poll: time.Hour}).Receiver(state.QueueTasks)

	const listeners = `select pg_terminate_backend(pid) from pg_stat_activity
		where application_name = $1 and query like '%listen%'`

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	for cut := int64(0); cut == 0 && ctx.Err() == nil; {
		tag, err := pool.Exec(ctx, listeners, "cut "+jobID.Short())
		if err != nil {
			t.Fatal(err)
		}

		cut = tag.RowsAffected()
	}

	received := make(chan error, 1)
	go func() { received <- receiveOne(t, r) }()

	rows.InsertMessage(t, pool, jobID, rows.Message{Due: -time.Second})
	// Either the notification or the reconnect wakes the receiver.
	open(t, pool, pgqueue.Options{}).Wake(state.QueueTasks)

	if err := <-received; err != nil {
		t.Fatal(err)
	}
}

func receiveOne(t *testing.T, r queue.Receiver) error {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	got, err := r.Receive(ctx, 1)
	if err != nil {
		return err
	}

	return r.Complete(ctx, got[0])
}

// TestNotifyDoesNotWakeItsSender counts the statements of a process that
// notifies others without a due row. Wake already wakes its own receivers.
func TestNotifyDoesNotWakeItsSender(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	queues, counts := [2]*pgqueue.Queue{}, [2]counter{}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	for i := range queues {
		traced := newPool(t, pool, func(c *pgxpool.Config) { c.ConnConfig.Tracer = &counts[i] })
		queues[i] = open(t, traced, pgqueue.Options{Poll: time.Hour})

		r := queues[i].Receiver(state.QueueTasks)
		go func() { _, _ = r.Receive(ctx, 1) }() // returns nothing, and ends with the test
	}

	sender, other := &counts[0].n, &counts[1].n

	const rounds, perReceive, perNotify = 20, 2, 1

	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()

	awaitReceive := func(n *atomic.Int64, from int64, wake bool) {
		t.Helper()

		for n.Load() < from+perReceive {
			if wake {
				queues[0].Wake(state.QueueTasks)
			}

			if ctx.Err() != nil {
				t.Fatal("no receiver was woken")
			}

			<-tick.C
		}
	}
	awaitReceive(other, other.Load(), true) // waits until the other process listens

	before := sender.Load()
	for range rounds {
		from := other.Load()

		queues[0].Wake(state.QueueTasks)
		awaitReceive(other, from, false)
	}

	if n := sender.Load() - before; n > (rounds+2)*(perReceive+perNotify) {
		t.Errorf("%d statements for %d notifications", n, rounds)
	}
}
