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

// rejectingSender is a broker that rejects every batch that contains one of
// some messages, identified by their first task.
type rejectingSender struct {
	rejected map[int]bool
	// unavailable returns true to fail a call with a temporary error.
	unavailable func(call int) bool

	mu    sync.Mutex
	sent  map[int]int
	calls int
}

func (p *rejectingSender) Send(_ context.Context, _ state.Queue, msgs []state.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.calls++
	if p.unavailable != nil && p.unavailable(p.calls) {
		return state.Wrap(state.CodeBusy, "test", "the queue is throttled", errors.New("server-busy"))
	}

	for _, m := range msgs {
		if p.rejected[m.First] {
			err := &queue.RefusedError{
				Reason: "com.microsoft:argument-error",
				Err:    errors.New("the message is not valid"),
			}

			return state.Wrap(state.CodeInvalid, "test", "a message was rejected", err)
		}
	}

	for _, m := range msgs {
		p.sent[m.First]++
	}

	return nil
}

func (p *rejectingSender) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.calls
}

// checkSent checks that exactly the messages that are not rejected were sent.
func checkSent(t *testing.T, p *rejectingSender, n int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()

	for first := range n {
		if got, rejected := p.sent[first], p.rejected[first]; got > 0 == rejected {
			t.Errorf("message %d was sent %d times, rejected: %t", first, got, rejected)
		}
	}
}

func TestRelayDeadLettersRejectedMessageAndSendsTheRest(t *testing.T) {
	t.Parallel()

	const n = 500

	pool := pgtest.Schema(t)
	q := open(t, pool, relayOptions)
	insert(t, pool, n)
	to := &rejectingSender{rejected: map[int]bool{0: true, 77: true, n - 1: true}, sent: map[int]int{}}
	relay(
		t,
		q,
		to,
		func() bool { return count(t, pool, "sent_at is not null or dead_reason is not null") == n },
	)
	checkSent(t, to, n)

	if got, limit := to.count(), 1+len(to.rejected)*2*bits.Len(n); got > limit {
		t.Errorf("%d calls, want at most %d", got, limit)
	}

	const deadRows = "first in (0, 77, 499) and sent_at is null and locked_until is null and " +
		"dead_reason = 'RefusedByBroker: com.microsoft:argument-error'"
	if got := count(t, pool, deadRows); got != 3 {
		t.Errorf("%d rows are dead with the reason, want 3", got)
	}

	dead, err := q.Peek(t.Context(), state.QueueTasks, 10)
	if err != nil || len(dead) != 3 {
		t.Fatalf("Peek returned %d dead letters, want 3: %v", len(dead), err)
	}

	// When the cause is removed, a redrive sends them.
	to.rejected = nil

	redriven, err := q.Redrive(t.Context(), state.QueueTasks, dead[0].Reason, 10)
	if err != nil || redriven != 3 {
		t.Fatalf("redrove %d messages, want 3: %v", redriven, err)
	}

	relay(t, q, to, func() bool { return count(t, pool, "sent_at is not null") == n })
	checkSent(t, to, n)
}

// A temporary error in the middle of the bisection must dead-letter only the
// rejected message. A message that was not sent must not count a delivery.
func TestRelayRetriesRestOfBisectedBatch(t *testing.T) {
	t.Parallel()

	const n = 64

	pool := pgtest.Schema(t)
	insert(t, pool, n)

	to := &rejectingSender{
		rejected:    map[int]bool{3: true},
		sent:        map[int]int{},
		unavailable: func(call int) bool { return call == 1 || call == 4 },
	}
	relay(
		t,
		open(t, pool, relayOptions),
		to,
		func() bool { return count(t, pool, "sent_at is not null or dead_reason is not null") == n },
	)
	checkSent(t, to, n)

	if got := count(t, pool, "deliveries = 1"); got != n {
		t.Errorf("%d rows count one delivery, want %d", got, n)
	}

	if got := count(t, pool, "dead_reason is not null"); got != 1 {
		t.Errorf("%d rows are dead, want 1", got)
	}
}

// A rejected message whose row the engine has claimed was delivered before, so
// its work continues.
func TestRelayDoesNotDeadLetterClaimedRow(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	insert(t, pool, 2)

	to := &rejectingSender{rejected: map[int]bool{0: true}, sent: map[int]int{}}
	to.unavailable = func(call int) bool {
		if call != 2 { // before the half that contains the rejected message
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
		t.Error("the claimed row is dead")
	}
}
