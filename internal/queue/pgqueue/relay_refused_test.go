package pgqueue_test

import (
	"context"
	"errors"
	"math/bits"
	"sync"
	"testing"

	"coremachine/internal/queue"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// picky is a broker that refuses every batch which holds one of some messages,
// by their first task.
type picky struct {
	refused map[int]bool
	away    func(call int) bool // true fails the call with an error that passes

	mu    sync.Mutex
	sent  map[int]int
	calls int
}

func (p *picky) Send(_ context.Context, _ state.Queue, msgs []state.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.calls++
	if p.away != nil && p.away(p.calls) {
		return state.Wrap(state.CodeBusy, "test", "the queue is throttled", errors.New("server-busy"))
	}

	for _, m := range msgs {
		if p.refused[m.First] {
			err := &queue.RefusedError{
				Reason: "com.microsoft:argument-error",
				Err:    errors.New("the message is not valid"),
			}

			return state.Wrap(state.CodeInvalid, "test", "a message is refused", err)
		}
	}

	for _, m := range msgs {
		p.sent[m.First]++
	}

	return nil
}

func (p *picky) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.calls
}

// checkPicky compares what was sent with what the rows say.
func checkPicky(t *testing.T, p *picky, n int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()

	for first := range n {
		if got, refused := p.sent[first], p.refused[first]; got > 0 == refused {
			t.Errorf("message %d: sent %d times, refused: %t", first, got, refused)
		}
	}
}

func TestRelaySetsARefusedMessageAsideAndSendsTheRest(t *testing.T) {
	t.Parallel()

	const n = 500

	pool := pgtest.Schema(t)
	q := open(t, pool, relayOptions)
	insert(t, pool, n)
	to := &picky{refused: map[int]bool{0: true, 77: true, n - 1: true}, sent: map[int]int{}}
	relay(
		t,
		q,
		to,
		func() bool { return count(t, pool, "sent_at is not null or dead_reason is not null") == n },
	)
	checkPicky(t, to, n)

	if got, most := to.count(), 1+len(to.refused)*2*bits.Len(n); got > most {
		t.Errorf("%d calls, want at most %d", got, most)
	}

	const aside = "first in (0, 77, 499) and sent_at is null and locked_until is null and " +
		"dead_reason = 'RefusedByBroker: com.microsoft:argument-error'"
	if got := count(t, pool, aside); got != 3 {
		t.Errorf("%d rows are set aside with the reason, want 3", got)
	}

	dead, err := q.Peek(t.Context(), state.QueueTasks, 10)
	if err != nil || len(dead) != 3 {
		t.Fatalf("people see %d dead letters, want 3: %v", len(dead), err)
	}

	// Once the cause is removed, a redrive sends them.
	to.refused = nil

	redriven, err := q.Redrive(t.Context(), state.QueueTasks, dead[0].Reason, 10)
	if err != nil || redriven != 3 {
		t.Fatalf("redrove %d, want 3: %v", redriven, err)
	}

	relay(t, q, to, func() bool { return count(t, pool, "sent_at is not null") == n })
	checkPicky(t, to, n)
}

// An error that passes, in the middle of the halves, sets nothing aside that
// was not refused, and what was not sent counts as not delivered.
func TestRelayTriesTheRestOfAHalvedBatchAgain(t *testing.T) {
	t.Parallel()

	const n = 64

	pool := pgtest.Schema(t)
	insert(t, pool, n)

	to := &picky{
		refused: map[int]bool{3: true},
		sent:    map[int]int{},
		away:    func(call int) bool { return call == 1 || call == 4 },
	}
	relay(
		t,
		open(t, pool, relayOptions),
		to,
		func() bool { return count(t, pool, "sent_at is not null or dead_reason is not null") == n },
	)
	checkPicky(t, to, n)

	if got := count(t, pool, "deliveries = 1"); got != n {
		t.Errorf("%d rows count one delivery, want %d", got, n)
	}

	if got := count(t, pool, "dead_reason is not null"); got != 1 {
		t.Errorf("%d rows are set aside, want 1", got)
	}
}

// A refused message whose row the engine has claimed was delivered before:
// its work continues.
func TestRelayDoesNotSetAClaimedRowAside(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	insert(t, pool, 2)

	to := &picky{refused: map[int]bool{0: true}, sent: map[int]int{}}
	to.away = func(call int) bool {
		if call != 2 { // before the half that holds the refused message
			return false
		}

		_, err := pool.Exec(
			context.Background(),
			`update messages set worker_id = gen_random_uuid(), claimed_at = now(), attempt = 1,
			locked_until = null where first = 0`,
		)
		if err != nil {
			t.Error(err)
		}

		return false
	}
	relay(
		t,
		open(t, pool, relayOptions),
		to,
		func() bool { return count(t, pool, "first = 1 and sent_at is not null") == 1 },
	)

	if n := count(
		t,
		pool,
		"first = 0 and sent_at is null and worker_id is not null and dead_reason is null",
	); n != 1 {
		t.Error("the claimed row was set aside")
	}
}
