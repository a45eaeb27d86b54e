package pgqueue

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/clock"
	"coremachine/internal/queue"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// relayBatch is the maximum number of rows that are received, sent and marked
// together.
const relayBatch = 500

var relayedSQL = sqlText("relayed")

// Relay sends the due messages of a queue over another transport until ctx
// ends. It receives rows under a lock, commits, sends them, and then marks
// them. After a crash in between, they are sent again under the same IDs, so
// that duplicate detection drops the copies. After an error they stay in their
// rows and are due again when their lock expires. Only a message that the other
// transport rejects permanently is dead-lettered, with the reason. The Queue
// must have a MaxDeliveries that is never reached.
func (q *Queue) Relay(ctx context.Context, name state.Queue, to queue.Sender) {
	r := q.Receiver(name)
	defer func() { _ = r.Close() }()

	wait := clock.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}

	for {
		var batch []queue.Delivery

		err := queue.Protect(q.log, "pgqueue.Relay", func() (err error) {
			batch, err = r.Receive(ctx, relayBatch)
			return err
		})
		if ctx.Err() != nil || errors.Is(err, queue.ErrClosed) {
			return
		}

		if err == nil && len(batch) > 0 {
			err = queue.Protect(q.log, "pgqueue.Relay", func() error { return q.relay(ctx, name, to, batch) })
		}

		if err != nil {
			q.log.Warn(
				"messages not sent, they stay in their rows",
				keys.Queue,
				name.String(),
				keys.Count,
				len(batch),
				keys.Error,
				err,
			)
			wait.Sleep(ctx)

			continue
		}

		wait.Reset()
	}
}

// relay sends a batch and marks its rows. If the transport rejects the batch
// permanently, relay bisects it to isolate the rejected messages. After any
// other error it releases the rows that were not sent.
func (q *Queue) relay(ctx context.Context, name state.Queue, to queue.Sender, batch []queue.Delivery) error {
	messages := make([]state.Message, len(batch))
	for i := range batch {
		messages[i] = batch[i].Message
	}

	err := queue.Protect(q.log, "pgqueue.Relay", func() error { return to.Send(ctx, name, messages) })
	if err == nil {
		_, err := q.pool.Exec(ctx, relayedSQL, keysOf(batch))
		return err
	}

	rejected, ok := errors.AsType[*queue.RefusedError](err)
	if !ok {
		return errors.Join(err, q.release(ctx, batch))
	}

	if len(batch) == 1 {
		return q.deadLetter(ctx, name, batch[0], rejected.Reason, err)
	}

	first, second := batch[:len(batch)/2], batch[len(batch)/2:]
	if err := q.relay(ctx, name, to, first); err != nil {
		return errors.Join(err, q.release(ctx, second))
	}

	return q.relay(ctx, name, to, second)
}

// deadLetter records on a row why its message was rejected. It does not change
// a row that the engine has claimed or deleted, because such a row was
// delivered before.
func (q *Queue) deadLetter(
	ctx context.Context,
	name state.Queue,
	d queue.Delivery,
	reason string,
	cause error,
) error {
	q.log.Error(
		"message rejected by the broker and dead-lettered",
		keys.Queue,
		name.String(),
		keys.JobID,
		d.Message.JobID,
		keys.Error,
		cause,
	)
	_, err := q.pool.Exec(ctx, deadLetterSQL, pgx.StrictNamedArgs{
		"job_id":     d.Message.JobID[:],
		"message_id": d.Message.MessageID,
		"send":       d.Message.Send,
		"deliveries": d.Deliveries,
		"reason":     state.CleanText(state.DeadRefused + ": " + reason),
	})

	return err
}

// keysOf returns the arguments that identify the rows of a batch and their
// locks.
func keysOf(batch []queue.Delivery) pgx.StrictNamedArgs {
	jobs, ids, deliveries := make([][]byte, len(batch)), make([]int64, len(batch)), make([]int32, len(batch))
	for i := range batch {
		m := &batch[i].Message
		jobs[i], ids[i], deliveries[i] = m.JobID[:], m.MessageID, int32(batch[i].Deliveries)
	}

	return pgx.StrictNamedArgs{"job_ids": jobs, "message_ids": ids, "deliveries": deliveries}
}

var unsentSQL = sqlText("unsent")

// release makes rows that were not sent due again immediately, instead of at
// the end of their lock.
func (q *Queue) release(ctx context.Context, batch []queue.Delivery) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()

	_, err := q.pool.Exec(limit, unsentSQL, keysOf(batch))

	return err
}
