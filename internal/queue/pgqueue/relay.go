package pgqueue

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/queue"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// relayBatch is how many rows are taken, sent and marked at once.
const relayBatch = 500

var relayedSQL = sqlText("relayed")

// Relay hands the due rows of a queue to another transport until ctx ends: rows are taken under a lock and the transaction
// commits, then they are sent, then marked. A crash between sends them again under the same id, so that duplicate detection
// drops the copy; an error leaves them in their rows, where they are due again when their lock ends. No row is ever set aside:
// make the Queue with a MaxDeliveries that is never reached.
func (q *Queue) Relay(ctx context.Context, name state.Queue, to queue.Sender) {
	r := q.Receiver(name)
	defer func() { _ = r.Close() }() // it only stops receiving
	wait := 100 * time.Millisecond
	for {
		batch, err := r.Receive(ctx, relayBatch)
		if ctx.Err() != nil || errors.Is(err, queue.ErrClosed) {
			return
		}
		if len(batch) == 0 {
			continue
		}
		if err := q.relay(ctx, name, to, batch); err != nil {
			q.log.Warn("messages were not handed on; they stay in their rows", keys.Queue, name.String(), keys.Count, len(batch), keys.Error, err)
			sleep(ctx, wait/2+rand.N(wait/2))
			wait = min(2*wait, 10*time.Second)
			continue
		}
		wait = 100 * time.Millisecond
	}
}

func (q *Queue) relay(ctx context.Context, name state.Queue, to queue.Sender, batch []queue.Delivery) error {
	messages := make([]state.Message, len(batch))
	jobs, ids, deliveries := make([][]byte, len(batch)), make([]int64, len(batch)), make([]int32, len(batch))
	for i := range batch {
		m := &batch[i].Message
		messages[i], jobs[i], ids[i], deliveries[i] = *m, m.JobID[:], m.MessageID, int32(batch[i].Deliveries)
	}
	if err := to.Send(ctx, name, messages); err != nil {
		return errors.Join(err, q.giveBack(ctx, jobs, ids, deliveries))
	}
	_, err := q.pool.Exec(ctx, relayedSQL, pgx.StrictNamedArgs{"job_ids": jobs, "message_ids": ids, "deliveries": deliveries})
	return err
}

var unsentSQL = sqlText("unsent")

// giveBack makes rows that were not sent due again at once, in place of when their lock ends.
func (q *Queue) giveBack(ctx context.Context, jobs [][]byte, ids []int64, deliveries []int32) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := q.pool.Exec(limit, unsentSQL, pgx.StrictNamedArgs{"job_ids": jobs, "message_ids": ids, "deliveries": deliveries})
	return err
}
