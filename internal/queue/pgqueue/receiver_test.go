package pgqueue_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// newPool opens a pool with a changed configuration on the schema of another
// pool.
func newPool(t *testing.T, pool *pgxpool.Pool, change func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()

	cfg := pool.Config()
	change(cfg)

	p, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(p.Close)

	return p
}

// counter counts statements.
type counter struct{ n atomic.Int64 }

// TraceQueryStart implements pgx.QueryTracer.
func (c *counter) TraceQueryStart(
	ctx context.Context,
	_ *pgx.Conn,
	_ pgx.TraceQueryStartData,
) context.Context {
	c.n.Add(1)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (*counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { c.n.Add(1) }

// TraceBatchEnd implements pgx.BatchTracer.
func (*counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TestReceiveBacksOffFromLockedRow keeps a due row locked, like a transaction
// that hangs.
func TestReceiveBacksOffFromLockedRow(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	insert(t, pool, 1)

	holder, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Rollback has no effect on a transaction that has ended.
	defer func() { _ = holder.Rollback(context.WithoutCancel(t.Context())) }()

	if _, err := holder.Exec(t.Context(), "select from messages for update"); err != nil {
		t.Fatal(err)
	}

	var statements counter

	traced := newPool(t, pool, func(c *pgxpool.Config) { c.ConnConfig.Tracer = &statements })
	q := open(t, traced, pgqueue.Options{Poll: time.Hour})
	r := q.Receiver(state.QueueTasks)

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()

	if got, err := r.Receive(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, %v, want nothing", got, err)
	}

	if n := statements.n.Load(); n > 20 {
		t.Errorf("%d statements in a second, want at most 20", n)
	}

	received := make(chan error, 1)
	go func() { received <- receiveOne(t, r) }()

	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}

	q.Wake(state.QueueTasks)

	if err := <-received; err != nil {
		t.Fatal(err)
	}
}

// TestDeliveryOfEarlierSendCannotSettle uses a delivery with the same delivery
// count as that of a later send.
func TestDeliveryOfEarlierSendCannotSettle(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	q := open(t, pool, pgqueue.Options{})
	r := q.Receiver(state.QueueTasks)

	insert(t, pool, 1)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	old, err := r.Receive(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}

	if err := r.DeadLetter(ctx, old[0], "odd"); err != nil {
		t.Fatal(err)
	}

	id := old[0].Message.MessageID
	for name, ids := range map[state.Queue][]int64{state.QueueJobs: {id}, state.QueueTasks: {id + 1}} {
		if n, err := q.RedriveOnly(ctx, name, ids); err != nil || n != 0 {
			t.Fatalf("redrove %d other messages, %v", n, err)
		}
	}

	if n, err := q.RedriveOnly(ctx, state.QueueTasks, []int64{id, id + 1}); err != nil || n != 1 {
		t.Fatalf("redrove %d messages, want 1: %v", n, err)
	}

	again, err := r.Receive(ctx, 1)
	if err != nil || again[0].Deliveries != old[0].Deliveries || again[0].Message.Send != 2 {
		t.Fatalf("got %+v, want send 2: %v", again, err)
	}

	if err := r.Complete(ctx, old[0]); err != nil {
		t.Error(err)
	}

	if err := r.Abandon(ctx, old[0]); !errors.Is(err, queue.ErrLockLost) {
		t.Errorf("Abandon: got %v, want ErrLockLost", err)
	}

	if err := r.DeadLetter(ctx, old[0], "odd"); !errors.Is(err, queue.ErrLockLost) {
		t.Errorf("DeadLetter: got %v, want ErrLockLost", err)
	}

	if _, err := r.Renew(ctx, old[0]); !errors.Is(err, queue.ErrLockLost) {
		t.Errorf("Renew: got %v, want ErrLockLost", err)
	}

	if n := count(t, pool, "locked_until > now() and sent_at is null and dead_reason is null"); n != 1 {
		t.Error("the row of the later delivery changed")
	}

	if err := r.Complete(ctx, again[0]); err != nil {
		t.Error(err)
	}
}

// TestReceiveThatDoesNotCommitDeliversNothing makes the server reject the
// commit of each receive after it has returned rows.
func TestReceiveThatDoesNotCommitDeliversNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	insert(t, pool, 1)

	if _, err := pool.Exec(
		t.Context(),
		`create function reject() returns trigger language plpgsql as $$ begin raise 'rejected'; end $$;
		create constraint trigger reject after update on messages deferrable initially deferred
			for each row execute function reject()`,
	); err != nil {
		t.Fatal(err)
	}

	r := open(t, pool, pgqueue.Options{}).Receiver(state.QueueTasks)

	short, end := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer end()

	if got, err := r.Receive(short, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v, want nothing", got, err)
	}

	if _, err := pool.Exec(t.Context(), `drop trigger reject on messages`); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	if got, err := r.Receive(ctx, 1); err != nil || got[0].Deliveries != 1 {
		t.Errorf("got %+v, %v, want the first delivery", got, err)
	}
}

// TestEmptyQueueIsNotReportedAsFailure polls an empty queue many times and
// reads the log.
func TestEmptyQueueIsNotReportedAsFailure(t *testing.T) {
	t.Parallel()

	const polls, poll = 100, 10 * time.Millisecond

	var (
		log        strings.Builder
		statements counter
	)

	traced := newPool(t, pgtest.Schema(t), func(c *pgxpool.Config) { c.ConnConfig.Tracer = &statements })
	r := open(
		t,
		traced,
		pgqueue.Options{Poll: poll, Log: slog.New(slog.NewTextHandler(&log, nil))},
	).Receiver(state.QueueTasks)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	begin := time.Now()
	idle := make(chan error, 1)

	go func() {
		_, err := r.Receive(ctx, 1)
		idle <- err
	}()

	tick := time.NewTicker(poll)
	defer tick.Stop()

	for statements.n.Load() < 2*polls && ctx.Err() == nil {
		<-tick.C
	}

	cancel()

	err := <-idle
	if !errors.Is(err, context.Canceled) || strings.Contains(log.String(), "queue receive failed") {
		n, elapsed := statements.n.Load(), time.Since(begin)
		t.Errorf("got %d statements in %s, error %v, log: %s", n, elapsed, err, log.String())
	}
}

// TestClaimedRowsAreNeitherDeliveredNorSettled claims one row and deletes
// another after their delivery. The engine's change must stay.
func TestClaimedRowsAreNeitherDeliveredNorSettled(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := open(t, pool, pgqueue.Options{}).Receiver(state.QueueTasks)
	insert(t, pool, 2)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	got, err := r.Receive(ctx, 2)
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v, want 2 deliveries", got, err)
	}

	if _, err := pool.Exec(
		ctx,
		`update messages set worker_id = gen_random_uuid(), claimed_at = now(), attempt = 1,
			locked_until = null, due_at = now()
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
			t.Errorf("Complete of delivery %d: %v", i, err)
		}

		if err := r.Abandon(ctx, d); err == nil {
			t.Errorf("Abandon of delivery %d returned no error", i)
		}
	}

	if n := count(t, pool, "worker_id is not null and sent_at is null"); n != 1 {
		t.Error("the claimed row changed")
	}

	short, end := context.WithTimeout(ctx, 100*time.Millisecond)
	defer end()

	if again, err := r.Receive(short, 1); err == nil {
		t.Errorf("got %+v, want no delivery", again)
	}
}
