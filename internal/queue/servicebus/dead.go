package servicebus

import (
	"context"
	"errors"
	"time"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"coremachine/internal/queue"
	"coremachine/internal/state"
)

// deadWait is how long a redrive waits for the next dead message before it takes the rest to be none.
const deadWait = 2 * time.Second

func (c *Client) dead(q state.Queue) (*sb.Receiver, error) {
	r, err := c.client.NewReceiverForQueue(q.String(), &sb.ReceiverOptions{SubQueue: sb.SubQueueDeadLetter})
	if err != nil {
		return nil, c.classify("servicebus.Dead", q, err)
	}
	return r, nil
}

func shut(r *sb.Receiver) {
	limit, cancel := context.WithTimeout(context.Background(), settleLimit)
	defer cancel()
	_ = r.Close(limit) // the link goes with the connection at the latest
}

// Peek lists dead messages of a queue and changes nothing. It needs the right to receive, and none to manage.
func (c *Client) Peek(ctx context.Context, q state.Queue, most int) ([]queue.Dead, error) {
	r, err := c.dead(q)
	if err != nil {
		return nil, err
	}
	defer shut(r)
	messages, err := r.PeekMessages(ctx, most, nil)
	if err != nil {
		return nil, c.classify("servicebus.Peek", q, err)
	}
	out := make([]queue.Dead, len(messages))
	for i, m := range messages {
		d := queue.Dead{ID: m.MessageID, Deliveries: int(m.DeliveryCount)}
		if m.DeadLetterReason != nil {
			d.Reason = *m.DeadLetterReason
		}
		if m.EnqueuedTime != nil {
			d.DeadSince = *m.EnqueuedTime
		}
		if d.Message, err = state.DecodeMessage(m.Body); err != nil {
			d.Message = state.Message{} // not one of ours
		}
		out[i] = d
	}
	return out, nil
}

// Redrive sends dead messages again under a raised send number, which duplicate detection lets pass, and only then takes them out of
// the dead-letter queue. A crash between leaves a duplicate, which the engine's rows see through.
func (c *Client) Redrive(ctx context.Context, q state.Queue, reason string, most int) (n int, err error) {
	r, err := c.dead(q)
	if err != nil {
		return 0, err
	}
	defer shut(r)
	for seen := 0; seen < most; {
		limit, cancel := context.WithTimeout(ctx, deadWait)
		batch, err := r.ReceiveMessages(limit, min(100, most-seen), nil)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil || err == nil && len(batch) == 0 {
			return n, nil
		}
		if err != nil {
			return n, c.classify("servicebus.Redrive", q, err)
		}
		seen += len(batch)
		for _, m := range batch {
			sent, err := c.redrive(ctx, r, q, m, reason)
			if err != nil {
				return n, c.classify("servicebus.Redrive", q, err)
			}
			if sent {
				n++
			}
		}
	}
	return n, nil
}

func (c *Client) redrive(ctx context.Context, r *sb.Receiver, q state.Queue, m *sb.ReceivedMessage, reason string) (bool, error) {
	msg, err := state.DecodeMessage(m.Body)
	wanted := err == nil && (reason == "" || m.DeadLetterReason != nil && *m.DeadLetterReason == reason)
	if !wanted {
		return false, r.AbandonMessage(ctx, m, nil)
	}
	msg.Send++
	if err := c.Send(ctx, q, []state.Message{msg}); err != nil {
		return false, err
	}
	return true, r.CompleteMessage(ctx, m, nil)
}
