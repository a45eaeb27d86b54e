package servicebus

import (
	"context"
	"errors"
	"time"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"coremachine/internal/queue"
	"coremachine/internal/state"
)

// deadWait is how long a redrive waits for the next dead message before it
// takes the rest to be none.
const deadWait = 2 * time.Second

func (c *Client) dead(q state.Queue) (*sb.Receiver, error) {
	r, err := c.client.NewReceiverForQueue(q.String(), &sb.ReceiverOptions{SubQueue: sb.SubQueueDeadLetter})
	if err != nil {
		return nil, c.classify("servicebus.Dead", q, err)
	}

	return r, nil
}

func shut(ctx context.Context, r *sb.Receiver) {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()

	_ = r.Close(limit) // the link goes with the connection at the latest
}

// receiveDead takes the next dead messages; none where there are none for a
// while.
func receiveDead(ctx context.Context, r *sb.Receiver, most int) ([]*sb.ReceivedMessage, error) {
	limit, cancel := context.WithTimeout(ctx, deadWait)
	defer cancel()

	batch, err := r.ReceiveMessages(limit, min(100, most), nil)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, nil
	}

	return batch, err
}

// Peek lists dead messages of a queue and changes nothing. It needs the right
// to receive, and none to manage.
func (c *Client) Peek(ctx context.Context, q state.Queue, most int) ([]queue.Dead, error) {
	r, err := c.dead(q)
	if err != nil {
		return nil, err
	}
	defer shut(ctx, r)

	messages, err := r.PeekMessages(ctx, most, nil)
	if err != nil {
		return nil, c.classify("servicebus.Peek", q, err)
	}

	out := make([]queue.Dead, len(messages))
	for i, m := range messages {
		out[i] = deadOf(m.MessageID, m.Body, m.DeliveryCount, m.DeadLetterReason, m.EnqueuedTime)
	}

	return out, nil
}

// Redrive sends dead messages again under a raised send number, which duplicate
// detection lets pass, and only then takes them out of the dead-letter queue. A
// crash between leaves a duplicate, which the engine's rows see through. Those
// with another reason are held until the end, so that they do not come up again
// and again.
func (c *Client) Redrive(ctx context.Context, q state.Queue, reason string, most int) (n int, err error) {
	r, err := c.dead(q)
	if err != nil {
		return 0, err
	}

	var others []*sb.ReceivedMessage

	defer func() {
		shut(ctx, r)
		c.giveBack(ctx, q, others)
	}()

	for n < most {
		batch, err := receiveDead(ctx, r, most-n)
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

// Collect hands the dead messages of a queue to keep, at most most of them, and
// takes out of the dead-letter queue what keep has noted. A crash between
// leaves them there: keep meets them again. It returns how many it took out;
// what is not ours stays.
func (c *Client) Collect(
	ctx context.Context,
	q state.Queue,
	most int,
	keep func(context.Context, []queue.Dead) error,
) (n int, err error) {
	r, err := c.dead(q)
	if err != nil {
		return 0, err
	}

	var others []*sb.ReceivedMessage

	defer func() {
		shut(ctx, r)
		c.giveBack(ctx, q, others)
	}()

	waiting, err := r.PeekMessages(ctx, 1, nil) // to receive nothing takes a while
	if err != nil {
		return 0, c.classify("servicebus.Collect", q, err)
	}

	for len(waiting) > 0 && n < most {
		batch, err := receiveDead(ctx, r, most-n)
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

	if msg, err := state.DecodeMessage(body); err == nil { // else it is not one of ours
		d.Message = msg
	}

	return d
}

// giveBack lets go of dead messages by their lock tokens, over a link that asks
// for none: else the client would be given them again and hold them as it
// closes.
func (c *Client) giveBack(ctx context.Context, q state.Queue, others []*sb.ReceivedMessage) {
	if len(others) == 0 {
		return
	}

	r, err := c.dead(q)
	if err != nil {
		return
	}
	defer shut(ctx, r)

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()

	for _, m := range others {
		if err := r.AbandonMessage(limit, &sb.ReceivedMessage{LockToken: m.LockToken}, nil); err != nil {
			return // their locks end
		}
	}
}
