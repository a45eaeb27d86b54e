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

// TestOtherProcessesAreWoken has one queue tell another, which looks by itself
// once an hour.
func TestOtherProcessesAreWoken(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	teller, listener := open(t, pool, pgqueue.Options{}), open(t, pool, pgqueue.Options{Poll: time.Hour})
	r := listener.Receiver(state.QueueTasks)

	for i := range 10 {
		came := make(chan error, 1)
		go func() { came <- receiveOne(t, r) }()

		rows.InsertMessage(t, pool, jobID, rows.Message{First: i, Due: -time.Second})
		teller.Wake(state.QueueTasks)

		if err := <-came; err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnUntoldRowIsFoundByPolling covers a process that ended between its
// commit and the signal.
func TestAnUntoldRowIsFoundByPolling(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := open(t, pool, pgqueue.Options{Poll: 50 * time.Millisecond}).Receiver(state.QueueTasks)

	came := make(chan error, 1)
	go func() { came <- receiveOne(t, r) }()

	rows.InsertMessage(t, pool, jobID, rows.Message{Due: -time.Second})

	if err := <-came; err != nil {
		t.Fatal(err)
	}
}

// TestListeningGoesOnAfterACut ends the listener's connection by force.
func TestListeningGoesOnAfterACut(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	named := own(
		t,
		pool,
		func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = "cut " + jobID.Short() },
	)
	r := open(t, named, pgqueue.Options{Poll: time.Hour}).Receiver(state.QueueTasks)

	const listeners = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and query like '%listen%'`

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	for cut := int64(0); cut == 0 && ctx.Err() == nil; {
		tag, err := pool.Exec(ctx, listeners, "cut "+jobID.Short())
		if err != nil {
			t.Fatal(err)
		}

		cut = tag.RowsAffected()
	}

	came := make(chan error, 1)
	go func() { came <- receiveOne(t, r) }()

	rows.InsertMessage(t, pool, jobID, rows.Message{Due: -time.Second})
	// it is told now, or the listener looks as it comes back
	open(t, pool, pgqueue.Options{}).Wake(state.QueueTasks)

	if err := <-came; err != nil {
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

// TestRowsThatTheEngineHolds are neither delivered nor settled: what the engine
// did with a row wins.
func TestRowsThatTheEngineHolds(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := open(t, pool, pgqueue.Options{}).Receiver(state.QueueTasks)
	insert(t, pool, 2)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	got, err := r.Receive(ctx, 2)
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}

	if _, err := pool.Exec(
		ctx,
		`update messages set worker_id = gen_random_uuid(), claimed_at = now(), attempt = 1, locked_until = null, due_at = now()
		where message_id = $1`,
		got[0].Message.MessageID,
	); err != nil {
		t.Fatal(err)
	}

	if _, err := pool.Exec(
		ctx,
		`delete from messages where message_id = $1`,
		got[1].Message.MessageID,
	); err != nil {
		t.Fatal(err)
	}

	for i, d := range got {
		if err := r.Complete(ctx, d); err != nil {
			t.Errorf("completing delivery %d: %v", i, err)
		}

		if err := r.Abandon(ctx, d); err == nil {
			t.Errorf("delivery %d was given back", i)
		}
	}

	if n := count(t, pool, "worker_id is not null and sent_at is null"); n != 1 {
		t.Error("the held row was touched")
	}

	short, end := context.WithTimeout(ctx, 100*time.Millisecond)
	defer end()

	if again, err := r.Receive(short, 1); err == nil {
		t.Errorf("delivered: %+v", again)
	}
}

// TestWhoTellsIsNotTold counts the statements of a process that tells others of
// what is not there: its own receivers know already.
func TestWhoTellsIsNotTold(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	queues, counts := [2]*pgqueue.Queue{}, [2]counter{}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	for i := range queues {
		traced := own(t, pool, func(c *pgxpool.Config) { c.ConnConfig.Tracer = &counts[i] })
		queues[i] = open(t, traced, pgqueue.Options{Poll: time.Hour})

		r := queues[i].Receiver(state.QueueTasks)
		go func() { _, _ = r.Receive(ctx, 1) }() // it ends with the test, empty-handed
	}

	teller, other := &counts[0].n, &counts[1].n

	const rounds, look, tell = 20, 2, 1

	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()

	rise := func(n *atomic.Int64, from int64, wake bool) {
		t.Helper()

		for n.Load() < from+look {
			if wake {
				queues[0].Wake(state.QueueTasks)
			}

			if ctx.Err() != nil {
				t.Fatal("nobody looks")
			}

			<-tick.C
		}
	}
	rise(other, other.Load(), true) // it listens

	before := teller.Load()
	for range rounds {
		from := other.Load()

		queues[0].Wake(state.QueueTasks)
		rise(other, from, false)
	}

	if n := teller.Load() - before; n > (rounds+2)*(look+tell) {
		t.Errorf("%d statements for %d times that it told", n, rounds)
	}
}
