package pgqueue_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
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

// own makes a pool over the schema of another.
func own(t *testing.T, pool *pgxpool.Pool, change func(*pgxpool.Config)) *pgxpool.Pool {
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

// TraceQueryStart is part of pgx.QueryTracer.
func (c *counter) TraceQueryStart(
	ctx context.Context,
	_ *pgx.Conn,
	_ pgx.TraceQueryStartData,
) context.Context {
	c.n.Add(1)
	return ctx
}

// TraceQueryEnd is part of pgx.QueryTracer.
func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart is part of pgx.BatchTracer.
func (*counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery is part of pgx.BatchTracer.
func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { c.n.Add(1) }

// TraceBatchEnd is part of pgx.BatchTracer.
func (*counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TestARowInATransactionIsNotPolledForHard holds a due row, as a transaction
// that hangs would.
func TestARowInATransactionIsNotPolledForHard(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	insert(t, pool, 1)

	holder, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// of a transaction that ended it does nothing
	defer func() { _ = holder.Rollback(context.WithoutCancel(t.Context())) }()

	if _, err := holder.Exec(t.Context(), "select from messages for update"); err != nil {
		t.Fatal(err)
	}

	var statements counter

	traced := own(t, pool, func(c *pgxpool.Config) { c.ConnConfig.Tracer = &statements })
	q := open(t, traced, pgqueue.Options{Poll: time.Hour})
	r := q.Receiver(state.QueueTasks)

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()

	if got, err := r.Receive(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, %v, want nothing", got, err)
	}

	if n := statements.n.Load(); n > 20 {
		t.Errorf("%d statements in a second", n)
	}

	came := make(chan error, 1)
	go func() { came <- receiveOne(t, r) }()

	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}

	q.Wake(state.QueueTasks)

	if err := <-came; err != nil {
		t.Fatal(err)
	}
}

// TestADeliveryOfAnEarlierSend counts the same as one of a later send, and
// settles nothing of it.
func TestADeliveryOfAnEarlierSend(t *testing.T) {
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
			t.Fatalf("sent %d others again, %v", n, err)
		}
	}

	if n, err := q.RedriveOnly(ctx, state.QueueTasks, []int64{id, id + 1}); err != nil || n != 1 {
		t.Fatalf("sent %d again, %v", n, err)
	}

	again, err := r.Receive(ctx, 1)
	if err != nil || again[0].Deliveries != old[0].Deliveries || again[0].Message.Send != 2 {
		t.Fatalf("got %+v, %v", again, err)
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
		t.Error("the later delivery was touched")
	}

	if err := r.Complete(ctx, again[0]); err != nil {
		t.Error(err)
	}
}

// TestEveryStatementPrepares finds unknown columns and wrong types. A DO block
// cannot be prepared; listening runs it.
func TestEveryStatementPrepares(t *testing.T) {
	t.Parallel()

	conn, err := pgtest.Schema(t).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()

	files, err := filepath.Glob("queries/*.sql")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d statements, %v", len(files), err)
	}

	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}

		if filepath.Base(f) == "listen.sql" {
			continue
		}

		sql, _, err := pgx.NamedArgs{}.RewriteQuery(t.Context(), conn.Conn(), string(text), nil)
		if err != nil {
			t.Fatal(err)
		}

		if _, err := conn.Conn().
			Prepare(t.Context(), "", sql); err != nil ||
			!strings.HasPrefix(string(text), "-- ") {
			t.Errorf("%s: %v, or no comment that says why", f, err)
		}
	}
}

// TestHotStatementsFindNothingWithoutParameters runs them as whoever makes
// connections ready does.
func TestHotStatementsFindNothingWithoutParameters(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	insert(t, pool, 1)

	for _, sql := range pgqueue.Hot() {
		if tag, err := pool.Exec(t.Context(), sql, pgx.NamedArgs{}); err != nil || tag.RowsAffected() != 0 {
			t.Errorf("%v, %v: %s", tag, err, sql)
		}
	}

	if n := count(t, pool, "locked_until is null and sent_at is null and deliveries = 0"); n != 1 {
		t.Error("the row was touched")
	}
}

// TestALookThatDoesNotCommitDeliversNothing has the server refuse the commit of
// each receive, after it has told of the rows.
func TestALookThatDoesNotCommitDeliversNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	insert(t, pool, 1)

	if _, err := pool.Exec(
		t.Context(),
		`create function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$;
		create constraint trigger refuse after update on messages deferrable initially deferred for each row execute function refuse()`,
	); err != nil {
		t.Fatal(err)
	}

	r := open(t, pool, pgqueue.Options{}).Receiver(state.QueueTasks)

	short, end := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer end()

	if got, err := r.Receive(short, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v, want nothing", got, err)
	}

	if _, err := pool.Exec(t.Context(), `drop trigger refuse on messages`); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	if got, err := r.Receive(ctx, 1); err != nil || got[0].Deliveries != 1 {
		t.Errorf("got %+v, %v, want the first delivery", got, err)
	}
}

// TestAnEmptyQueueIsNoOutage has a receiver look at an empty queue many times,
// as often as its poll says, and reads the log.
func TestAnEmptyQueueIsNoOutage(t *testing.T) {
	t.Parallel()

	const looks, poll = 100, 10 * time.Millisecond

	var (
		log        strings.Builder
		statements counter
	)

	traced := own(t, pgtest.Schema(t), func(c *pgxpool.Config) { c.ConnConfig.Tracer = &statements })
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

	for statements.n.Load() < 2*looks && ctx.Err() == nil {
		<-tick.C
	}

	cancel()

	if err := <-idle; !errors.Is(err, context.Canceled) || strings.Contains(log.String(), "cannot be read") {
		t.Errorf("%d statements in %s, %v: %s", statements.n.Load(), time.Since(begin), err, log.String())
	}
}
