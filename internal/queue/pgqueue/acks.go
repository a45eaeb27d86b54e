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
	maxAcks     = 500             // rows of one statement
	acksTimeout = 5 * time.Second // of one statement
)

// acks combines acknowledgements into one statement. Usually the engine has
// already deleted the row, and finding that out for each row separately would
// cost a round trip.
type acks struct {
	mu      sync.Mutex
	waiting []ack
	// running is true while flushAcks runs. It also completes what arrives
	// meanwhile.
	running bool
}

type ack struct {
	delivery queue.Delivery
	done     chan error
}

// Complete acknowledges a delivery. It is not an error if the engine has
// already deleted or claimed the row.
func (r *receiver) Complete(ctx context.Context, d queue.Delivery) error {
	a := ack{d, make(chan error, 1)}
	q := &r.q.acks
	q.mu.Lock()

	q.waiting = append(q.waiting, a)
	if !q.running {
		q.running = true
		go r.q.flushAcks()
	}
	q.mu.Unlock()

	select {
	case err := <-a.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// flushAcks completes waiting acknowledgements until there are none.
func (q *Queue) flushAcks() {
	for {
		q.acks.mu.Lock()
		n := min(maxAcks, len(q.acks.waiting))
		batch := q.acks.waiting[:n:n]

		q.acks.waiting = q.acks.waiting[n:]
		if n == 0 {
			q.acks.running, q.acks.waiting = false, nil
			q.acks.mu.Unlock()

			return
		}
		q.acks.mu.Unlock()

		err := q.completeBatch(batch)
		for _, a := range batch {
			a.done <- err
		}
	}
}

// completeBatch passes the rows in key order, in which the statement locks
// them.
func (q *Queue) completeBatch(batch []ack) error {
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

	ctx, cancel := context.WithTimeout(context.Background(), acksTimeout)
	defer cancel()

	_, err := q.pool.Exec(ctx, completeSQL, pgx.StrictNamedArgs{
		"job_ids": jobs, "message_ids": messages, "sends": sends, "deliveries": deliveries,
	})

	return err
}
