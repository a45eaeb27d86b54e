package pgqueue_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
)

var jobID = state.NewJobID("test", []byte("x"))

// recordingSender is a transport that keeps the messages. Its first calls fail,
// as many as failures says.
type recordingSender struct {
	mu       sync.Mutex
	failures int
	before   func() // runs before a batch is stored
	after    func() // runs after a batch is stored
	sent     []state.Message
	calls    int
}

func (s *recordingSender) Send(_ context.Context, _ state.Queue, msgs []state.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.calls++
	if s.before != nil {
		s.before()
	}

	if s.failures > 0 {
		s.failures--
		return errors.New("the transport is unavailable")
	}

	s.sent = append(s.sent, msgs...)
	if s.after != nil {
		s.after()
	}

	return nil
}

// relay runs a relay until done returns true, or for at most a minute.
func relay(t *testing.T, q *pgqueue.Queue, to queue.Sender, done func() bool) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), pgtest.Patience(t, time.Minute))
	defer cancel()

	var running sync.WaitGroup
	running.Go(func() { q.Relay(ctx, state.QueueTasks, to) })

	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()

	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Error("the relay did not finish in time")
			return
		}
	}

	cancel()
	running.Wait()
}

func count(t *testing.T, pool *pgxpool.Pool, where string) (n int) {
	t.Helper()

	if err := pool.QueryRow(t.Context(), "select count(*) from messages where "+where).Scan(&n); err != nil {
		t.Fatal(err)
	}

	return n
}

func insert(t *testing.T, pool *pgxpool.Pool, n int) {
	t.Helper()

	for i := range n {
		rows.InsertMessage(t, pool, jobID, rows.Message{First: i, Due: -time.Second})
	}
}

// relayOptions are the options of a process that sends over Service Bus.
var relayOptions = pgqueue.Options{MaxDeliveries: math.MaxInt32}

func TestRelaySendsDueMessages(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	q := open(t, pool, relayOptions)
	insert(t, pool, 1200)
	rows.InsertMessage(t, pool, jobID, rows.Message{First: 5000, Due: time.Hour})
	rows.InsertMessage(t, pool, jobID, rows.Message{First: 5001, Dead: "odd"})
	rows.InsertMessage(t, pool, jobID, rows.Message{First: 5002, Held: true})
	rows.InsertMessage(t, pool, jobID, rows.Message{First: 5003, Queue: state.QueueLongTasks})

	to := &recordingSender{}
	relay(t, q, to, func() bool { return count(t, pool, "sent_at is not null") >= 1200 })

	seen := map[int]bool{}
	for _, m := range to.sent {
		if seen[m.First] || m.First >= 1200 {
			t.Errorf("sent %+v twice, or before it was due", m)
		}

		seen[m.First] = true
	}

	if len(seen) != 1200 || to.calls > 4 {
		t.Errorf("sent %d messages in %d calls, want 1200 in at most 4", len(seen), to.calls)
	}

	if n := count(t, pool, "sent_at is not null and locked_until is null"); n != 1200 {
		t.Errorf("%d rows are marked, want 1200", n)
	}
}

func TestRelayRetriesUntilTransportRecovers(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	q := open(t, pool, relayOptions)
	insert(t, pool, 10)

	to := &recordingSender{failures: 3}
	relay(t, q, to, func() bool { return count(t, pool, "sent_at is not null") == 10 })

	if len(to.sent) != 10 || to.calls != 4 {
		t.Errorf("sent %d messages in %d calls, want 10 in 4", len(to.sent), to.calls)
	}

	if n := count(t, pool, "deliveries = 1 and dead_reason is null"); n != 10 {
		t.Errorf("%d rows count one delivery, want 10", n)
	}
}

// A transport that panics must cost neither the relay nor a delivery: the rows
// are due again immediately, and the log has the stack.
func TestRelaySurvivesPanics(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)

	var log bytes.Buffer

	options := relayOptions
	options.Lock, options.Log = 2*time.Second, slog.New(slog.NewTextHandler(&log, nil))
	q := open(t, pool, options)

	insert(t, pool, 10)

	panics := 2
	to := &recordingSender{before: func() {
		if panics > 0 {
			panics--

			panic("injected")
		}
	}}
	relay(t, q, to, func() bool { return count(t, pool, "sent_at is not null") == 10 })

	if panics != 0 || len(to.sent) != 10 {
		t.Errorf("sent %d messages, want 10 after two panics; %d are left", len(to.sent), panics)
	}

	if n := count(t, pool, "deliveries = 1 and dead_reason is null"); n != 10 {
		t.Errorf("%d rows count one delivery, want 10", n)
	}

	if got := log.String(); strings.Count(got, "the engine panicked") < 2 || !strings.Contains(got, "relay_test.go") {
		t.Errorf("the log does not contain both stacks: %s", got)
	}
}

// A relay that ends between sending and marking leaves the rows locked. The
// next relay must send them again under the same IDs.
func TestRelayResendsUnderSameIDAfterCrash(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	insert(t, pool, 10)
	ctx, crash := context.WithCancel(t.Context())
	first := &recordingSender{after: crash}
	short := relayOptions
	short.Lock = 500 * time.Millisecond
	open(t, pool, short).Relay(ctx, state.QueueTasks, first)

	if n := count(t, pool, "sent_at is not null"); n != 0 {
		t.Fatalf("%d rows are marked, want none", n)
	}

	second := &recordingSender{}
	relay(
		t,
		open(t, pool, relayOptions),
		second,
		func() bool { return count(t, pool, "sent_at is not null") == 10 },
	)

	ids := map[string]int{}
	for _, m := range append(first.sent, second.sent...) {
		ids[m.TransportID()]++
	}

	if len(ids) != 10 || len(second.sent) != 10 {
		t.Errorf("got %d IDs and %d messages of the second relay, want 10 of each", len(ids), len(second.sent))
	}
}

// A row that the engine claimed while the relay sent it must not be marked.
func TestRelayDoesNotMarkClaimedRows(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	insert(t, pool, 2)

	claimed := make(chan error, 1)
	to := &recordingSender{after: func() {
		_, err := pool.Exec(
			context.Background(),
			`update messages set worker_id = gen_random_uuid(), claimed_at = now(), attempt = 1,
			locked_until = null where first = 0`,
		)
		claimed <- err
	}}
	relay(
		t,
		open(t, pool, relayOptions),
		to,
		func() bool { return count(t, pool, "first = 1 and sent_at is not null") == 1 },
	)

	if err := <-claimed; err != nil {
		t.Fatal(err)
	}

	if n := count(t, pool, "first = 0 and sent_at is null and worker_id is not null"); n != 1 {
		t.Error("the claimed row was marked")
	}
}
