package pgqueue

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/queue"
)

const (
	acksMost  = 500             // in a statement
	acksLimit = 5 * time.Second // a statement may take
)

// acks are acknowledgements that share statements: most find that the engine
// has ended their row, and each alone would cost a round trip to learn it.
type acks struct {
	mu      sync.Mutex
	waiting []ack
	busy    bool // somebody is at it and takes what waits next
}

type ack struct {
	delivery queue.Delivery
	done     chan error
}

// Complete acknowledges. The engine has usually ended the row by then, or holds
// it; neither is an error.
func (r *receiver) Complete(ctx context.Context, d queue.Delivery) error {
	a := ack{d, make(chan error, 1)}
	q := &r.q.acks
	q.mu.Lock()

	q.waiting = append(q.waiting, a)
	if !q.busy {
		q.busy = true
		go r.q.acknowledge()
	}
	q.mu.Unlock()

	select {
	case err := <-a.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// acknowledge answers what waits until nothing does.
func (q *Queue) acknowledge() {
	for {
		q.acks.mu.Lock()
		n := min(acksMost, len(q.acks.waiting))
		batch := q.acks.waiting[:n:n]

		q.acks.waiting = q.acks.waiting[n:]
		if n == 0 {
			q.acks.busy, q.acks.waiting = false, nil
			q.acks.mu.Unlock()

			return
		}
		q.acks.mu.Unlock()

		err := q.completeAll(batch)
		for _, a := range batch {
			a.done <- err
		}
	}
}

// completeAll names the rows in key order, in which they are locked.
func (q *Queue) completeAll(batch []ack) error {
	slices.SortFunc(batch, func(a, b ack) int {
		x, y := &a.delivery.Message, &b.delivery.Message
		return cmp.Or(bytes.Compare(x.JobID[:], y.JobID[:]), cmp.Compare(x.MessageID, y.MessageID))
	})
	n := len(batch)
	jobs := make([][]byte, n)
	messages := make([]int64, n)
	sends := make([]int32, n)
	deliveries := make([]int32, n)

	for i := range batch {
		d := &batch[i].delivery
		jobs[i] = d.Message.JobID[:]
		messages[i] = d.Message.MessageID
		sends[i] = int32(d.Message.Send)
		deliveries[i] = int32(d.Deliveries)
	}

	ctx, cancel := context.WithTimeout(context.Background(), acksLimit)
	defer cancel()

	_, err := q.pool.Exec(ctx, completeSQL, pgx.StrictNamedArgs{
		"job_ids": jobs, "message_ids": messages, "sends": sends, "deliveries": deliveries,
	})

	return err
}
