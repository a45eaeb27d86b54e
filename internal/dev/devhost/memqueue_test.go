package devhost_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"coremachine/internal/queue"
	"coremachine/internal/state"
)

// memQueue is a queue with peek-lock in memory.
type memQueue struct {
	lock    time.Duration
	settled chan settlement

	mu     sync.Mutex
	ready  []queue.Delivery
	locked map[int64]time.Time // sequence number to the end of the lock
	wake   chan struct{}
	last   int64
	slow   int // number of settlements dropped because no test waited for them
}

type settlement struct {
	how string // complete, abandon or renew
	queue.Delivery
}

func newMemQueue(lock time.Duration) *memQueue {
	return &memQueue{
		lock:    lock,
		settled: make(chan settlement, 10_000),
		locked:  map[int64]time.Time{},
		wake:    make(chan struct{}, 1),
	}
}

func (q *memQueue) put(orders ...order) {
	for _, o := range orders {
		b, err := json.Marshal(o)
		if err != nil {
			panic(err)
		}

		q.putBody(b)
	}
}

func (q *memQueue) putBody(body []byte) {
	q.mu.Lock()
	q.last++
	q.ready = append(q.ready, queue.Delivery{
		Body:          body,
		Message:       state.Message{MessageID: q.last},
		MessageID:     fmt.Sprintf("m-%d", q.last),
		CorrelationID: "job",
		EnqueuedAt:    time.Now(),
	})
	q.mu.Unlock()
	q.signal()
}

func (q *memQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *memQueue) Receive(ctx context.Context, most int) ([]queue.Delivery, error) {
	for {
		q.mu.Lock()
		n := min(most, len(q.ready))
		batch := append([]queue.Delivery(nil), q.ready[:n]...)
		q.ready = q.ready[n:]

		for i := range batch {
			batch[i].Deliveries++
			batch[i].LockedUntil = time.Now().Add(q.lock)
			q.locked[batch[i].Message.MessageID] = batch[i].LockedUntil
		}
		q.mu.Unlock()

		if n > 0 {
			return batch, nil
		}

		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-q.wake:
		}
	}
}

func (q *memQueue) settle(how string, d queue.Delivery) error {
	q.mu.Lock()
	defer q.mu.Unlock()

	until, ok := q.locked[d.Message.MessageID]
	if !ok || time.Now().After(until) {
		return queue.ErrLockLost
	}

	select {
	case q.settled <- settlement{how, d}:
	default:
		q.slow++
	}

	if how != "renew" {
		delete(q.locked, d.Message.MessageID)
	}

	return nil
}

func (q *memQueue) Complete(_ context.Context, d queue.Delivery) error {
	return q.settle("complete", d)
}

// Abandon makes a message ready again, for at most three deliveries.
func (q *memQueue) Abandon(_ context.Context, d queue.Delivery) error {
	if err := q.settle("abandon", d); err != nil {
		return err
	}

	if d.Deliveries < 3 {
		q.mu.Lock()
		q.ready = append(q.ready, d)
		q.mu.Unlock()
		q.signal()
	}

	return nil
}

func (q *memQueue) Renew(_ context.Context, d queue.Delivery) (time.Time, error) {
	if err := q.settle("renew", d); err != nil {
		return time.Time{}, err
	}

	q.mu.Lock()
	defer q.mu.Unlock()

	q.locked[d.Message.MessageID] = time.Now().Add(q.lock)

	return q.locked[d.Message.MessageID], nil
}

func (q *memQueue) DeadLetter(context.Context, queue.Delivery, string) error { return nil }
func (q *memQueue) Close() error                                             { return nil }
