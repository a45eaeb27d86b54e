package servicebus

import (
	"context"
	"errors"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"coremachine/internal/state"
)

// maxBatch limits the messages of a batch. The service has this limit, but its
// client does not check it.
const maxBatch = 4500

// Send stores messages in a queue, in as few batches as their size permits.
// After an error, an unknown part of them is stored; repeat all of them with
// the same IDs.
func (c *Client) Send(ctx context.Context, q state.Queue, msgs []state.Message) error {
	s, err := c.sender(q)
	if err != nil {
		return err
	}

	for len(msgs) > 0 {
		n, err := c.sendBatch(ctx, s, msgs)
		if err != nil {
			return c.classify("servicebus.Send", q, err)
		}

		msgs = msgs[n:]
	}

	return nil
}

// sendBatch sends as many of the messages as fit into one batch and returns
// their number.
func (c *Client) sendBatch(ctx context.Context, s *sb.Sender, msgs []state.Message) (n int, err error) {
	batch, err := s.NewMessageBatch(ctx, nil)
	if err != nil {
		return 0, err
	}

	for n < len(msgs) && n < maxBatch {
		m, err := encode(msgs[n])
		if err != nil {
			return 0, err
		}

		if err := batch.AddMessage(m, nil); errors.Is(err, sb.ErrMessageTooLarge) && n > 0 {
			break
		} else if err != nil {
			return 0, err
		}

		n++
	}

	return n, s.SendMessageBatch(ctx, batch, nil)
}

// encode returns the message for the client. Duplicate detection compares its
// ID.
func encode(m state.Message) (*sb.Message, error) {
	body, err := state.EncodeMessage(m)
	if err != nil {
		return nil, err
	}

	id, job, kind := m.TransportID(), m.JobID.String(), "application/json"

	out := &sb.Message{Body: body, MessageID: &id, CorrelationID: &job, ContentType: &kind}
	if m.Traceparent != "" {
		out.ApplicationProperties = map[string]any{
			"traceparent":   m.Traceparent,
			"Diagnostic-Id": m.Traceparent,
		}
	}

	return out, nil
}
