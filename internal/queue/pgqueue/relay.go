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

// Relay hands the due rows of a queue to another transport until ctx ends: rows
// are taken under a lock and the transaction commits, then they are sent, then
// marked. A crash between sends them again under the same id, so that duplicate
// detection drops the copy; an error leaves them in their rows, where they are
// due again when their lock ends. Only a row whose message the other transport
// refuses permanently is set aside, with the reason: make the Queue with a
// MaxDeliveries that is never reached.
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
			q.log.Warn(
				"messages were not handed on; they stay in their rows",
				keys.Queue,
				name.String(),
				keys.Count,
				len(batch),
				keys.Error,
				err,
			)
			sleep(ctx, wait/2+rand.N(wait/2))
			wait = min(2*wait, 10*time.Second)

			continue
		}

		wait = 100 * time.Millisecond
	}
}

// relay sends a batch and marks its rows. If the transport refuses it
// permanently, the halves are sent in its place, down to the one message that
// is refused. An error gives back what was not sent.
func (q *Queue) relay(ctx context.Context, name state.Queue, to queue.Sender, batch []queue.Delivery) error {
	messages := make([]state.Message, len(batch))
	for i := range batch {
		messages[i] = batch[i].Message
	}

	err := to.Send(ctx, name, messages)
	if err == nil {
		_, err := q.pool.Exec(ctx, relayedSQL, keysOf(batch))
		return err
	}

	refused, ok := errors.AsType[*queue.RefusedError](err)
	if !ok {
		return errors.Join(err, q.giveBack(ctx, batch))
	}

	if len(batch) == 1 {
		return q.setAside(ctx, name, batch[0], refused.Reason, err)
	}

	first, second := batch[:len(batch)/2], batch[len(batch)/2:]
	if err := q.relay(ctx, name, to, first); err != nil {
		return errors.Join(err, q.giveBack(ctx, second))
	}

	return q.relay(ctx, name, to, second)
}

// setAside records on a row why its message was refused. A row that the engine
// has claimed, or ended, in the meantime is left alone: it was delivered
// already.
func (q *Queue) setAside(
	ctx context.Context,
	name state.Queue,
	d queue.Delivery,
	reason string,
	cause error,
) error {
	q.log.Error(
		"message refused by the broker and set aside",
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

// keysOf are the arguments that name the rows of a batch under their locks.
func keysOf(batch []queue.Delivery) pgx.StrictNamedArgs {
	jobs, ids, deliveries := make([][]byte, len(batch)), make([]int64, len(batch)), make([]int32, len(batch))
	for i := range batch {
		m := &batch[i].Message
		jobs[i], ids[i], deliveries[i] = m.JobID[:], m.MessageID, int32(batch[i].Deliveries)
	}

	return pgx.StrictNamedArgs{"job_ids": jobs, "message_ids": ids, "deliveries": deliveries}
}

var unsentSQL = sqlText("unsent")

// giveBack makes rows that were not sent due again at once, in place of when
// their lock ends.
func (q *Queue) giveBack(ctx context.Context, batch []queue.Delivery) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()

	_, err := q.pool.Exec(limit, unsentSQL, keysOf(batch))

	return err
}
