package servicebus

import (
	"context"
	"errors"
	"time"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"coremachine/internal/queue"
	"coremachine/internal/state"
)

// deadWait is how long to wait for the next dead letter before the queue is
// considered empty.
const deadWait = 2 * time.Second

func (c *Client) dead(q state.Queue) (*sb.Receiver, error) {
	r, err := c.client.NewReceiverForQueue(q.String(), &sb.ReceiverOptions{SubQueue: sb.SubQueueDeadLetter})
	if err != nil {
		return nil, c.classify("servicebus.Dead", q, err)
	}

	return r, nil
}

func closeReceiver(ctx context.Context, r *sb.Receiver) {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()

	_ = r.Close(limit) // the link ends with the connection at the latest
}

// receiveDead returns the next dead letters, or none if none arrive for a
// while.
func receiveDead(ctx context.Context, r *sb.Receiver, maxMessages int) ([]*sb.ReceivedMessage, error) {
	limit, cancel := context.WithTimeout(ctx, deadWait)
	defer cancel()

	batch, err := r.ReceiveMessages(limit, min(100, maxMessages), nil)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, nil
	}

	return batch, err
}

// Peek returns dead letters of a queue and changes nothing. It needs permission
// to receive, but not to manage.
func (c *Client) Peek(ctx context.Context, q state.Queue, maxMessages int) ([]queue.Dead, error) {
	r, err := c.dead(q)
	if err != nil {
		return nil, err
	}
	defer closeReceiver(ctx, r)

	messages, err := r.PeekMessages(ctx, maxMessages, nil)
	if err != nil {
		return nil, c.classify("servicebus.Peek", q, err)
	}

	out := make([]queue.Dead, len(messages))
	for i, m := range messages {
		out[i] = deadOf(m.MessageID, m.Body, m.DeliveryCount, m.DeadLetterReason, m.EnqueuedTime)
	}

	return out, nil
}

// Redrive sends dead letters again with a higher send number, so that duplicate
// detection accepts them. Then it removes them from the dead-letter queue. A
// crash in between leaves a duplicate, which the engine's rows detect. Dead
// letters with another reason stay locked until the end, so that they are not
// received again and again.
func (c *Client) Redrive(
	ctx context.Context,
	q state.Queue,
	reason string,
	maxMessages int,
) (n int, err error) {
	r, err := c.dead(q)
	if err != nil {
		return 0, err
	}

	var others []*sb.ReceivedMessage

	defer func() {
		closeReceiver(ctx, r)
		c.abandonAll(ctx, q, others)
	}()

	for n < maxMessages {
		batch, err := receiveDead(ctx, r, maxMessages-n)
		if err != nil {
			return n, c.classify("servicebus.Redrive", q, err)
		}

		if len(batch) == 0 {
			return n, nil
		}

		for _, m := range batch {
			msg, err := state.DecodeMessage(m.Body)
			if err != nil || reason != "" && (m.DeadLetterReason == nil || *m.DeadLetterReason != reason) {
				others = append(others, m)
				continue
			}

			msg.Send++
			if err := c.Send(ctx, q, []state.Message{msg}); err != nil {
				return n, err
			}

			if err := r.CompleteMessage(ctx, m, nil); err != nil {
				return n, c.classify("servicebus.Redrive", q, err)
			}

			n++
		}
	}

	return n, nil
}

// Collect passes at most maxMessages dead letters of a queue to keep, and
// removes those that keep recorded from the dead-letter queue. After a crash in
// between, they stay there and keep receives them again. Collect returns the
// number of removed messages. Messages of other programs stay.
func (c *Client) Collect(
	ctx context.Context,
	q state.Queue,
	maxMessages int,
	keep func(context.Context, []queue.Dead) error,
) (n int, err error) {
	r, err := c.dead(q)
	if err != nil {
		return 0, err
	}

	var others []*sb.ReceivedMessage

	defer func() {
		closeReceiver(ctx, r)
		c.abandonAll(ctx, q, others)
	}()

	// Receiving from an empty queue takes a while.
	peeked, err := r.PeekMessages(ctx, 1, nil)
	if err != nil {
		return 0, c.classify("servicebus.Collect", q, err)
	}

	for len(peeked) > 0 && n < maxMessages {
		batch, err := receiveDead(ctx, r, maxMessages-n)
		if err != nil {
			return n, c.classify("servicebus.Collect", q, err)
		}

		if len(batch) == 0 {
			return n, nil
		}

		var (
			ours []*sb.ReceivedMessage
			dead []queue.Dead
		)

		for _, m := range batch {
			if d := deadOf(
				m.MessageID,
				m.Body,
				m.DeliveryCount,
				m.DeadLetterReason,
				m.EnqueuedTime,
			); d.Message.MessageID > 0 {
				ours, dead = append(ours, m), append(dead, d)
			} else {
				others = append(others, m)
			}
		}

		if len(ours) == 0 {
			continue
		}

		if err := keep(ctx, dead); err != nil {
			others = append(others, ours...)
			return n, err
		}

		for _, m := range ours {
			if err := r.CompleteMessage(ctx, m, nil); err != nil {
				return n, c.classify("servicebus.Collect", q, err)
			}

			n++
		}
	}

	return n, nil
}

func deadOf(id string, body []byte, deliveries uint32, reason *string, enqueued *time.Time) queue.Dead {
	d := queue.Dead{ID: id, Deliveries: int(deliveries)}
	if reason != nil {
		d.Reason = *reason
	}

	if enqueued != nil {
		d.DeadSince = *enqueued
	}

	if msg, err := state.DecodeMessage(body); err == nil { // otherwise it is a message of another program
		d.Message = msg
	}

	return d
}

// abandonAll releases dead letters by their lock tokens. It uses another link,
// which receives nothing. On the same link the client would receive them again
// and keep them locked when it closes.
func (c *Client) abandonAll(ctx context.Context, q state.Queue, others []*sb.ReceivedMessage) {
	if len(others) == 0 {
		return
	}

	r, err := c.dead(q)
	if err != nil {
		return
	}
	defer closeReceiver(ctx, r)

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()

	for _, m := range others {
		if err := r.AbandonMessage(limit, &sb.ReceivedMessage{LockToken: m.LockToken}, nil); err != nil {
			return // their locks expire
		}
	}
}
