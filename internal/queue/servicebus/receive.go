package servicebus

import (
	"context"
	"errors"
	"sync"
	"time"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"coremachine/internal/clock"
	"coremachine/internal/queue"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Limits of settling. After a lost connection the client's own retries, which
// cannot be configured, would block a call for 45 seconds. The first attempt is
// short, so that a caller with a limit of 5 s has time left for the second one.
const (
	firstSettleLimit = 2 * time.Second
	settleLimit      = 4 * time.Second
)

// receiver receives deliveries from one queue with peek-lock.
type receiver struct {
	c     *Client
	queue state.Queue
	sb    *sb.Receiver
	ctx   context.Context
	close context.CancelFunc
	once  sync.Once
	// failure describes the failure of the last attempt. It is empty after a
	// success.
	failure string
}

// Receiver returns a receiver of a queue, for processes without the Functions
// host.
func (c *Client) Receiver(q state.Queue) (queue.Receiver, error) {
	r, err := c.client.NewReceiverForQueue(q.String(), nil)
	if err != nil {
		return nil, c.classify("servicebus.Receiver", q, err)
	}

	ctx, cancel := context.WithCancel(context.Background())

	return &receiver{c: c, queue: q, sb: r, ctx: ctx, close: cancel}, nil
}

// Receive requests at most as many messages as the caller can handle. The
// client would release other messages, and receive them again, in a loop.
func (r *receiver) Receive(ctx context.Context, maxMessages int) ([]queue.Delivery, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()

	wait := clock.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second}

	for {
		batch, err := r.sb.ReceiveMessages(ctx, maxMessages, nil)
		if len(batch) > 0 {
			r.report(nil)
			return r.deliveries(batch), nil
		}

		switch {
		case r.ctx.Err() != nil:
			return nil, queue.ErrClosed
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			r.report(r.c.classify("servicebus.Receive", r.queue, err))
			wait.Sleep(ctx)
		}
	}
}

// report logs a failure if it differs from the previous attempt's, and the
// recovery.
func (r *receiver) report(err error) {
	var current string
	if known, ok := errors.AsType[*state.Error](err); ok {
		// The text of the cause differs between attempts.
		// The text of the cause differs between attempts.
		current = known.Msg
	}

	switch {
	case current == r.failure:
	case err != nil:
		r.c.log.Warn(
			"queue receive failed, retrying",
			keys.Queue,
			r.queue.String(),
			keys.Error,
			err,
		)
	default:
		r.c.log.Info("queue receive recovered", keys.Queue, r.queue.String())
	}

	r.failure = current
}

func (r *receiver) deliveries(batch []*sb.ReceivedMessage) []queue.Delivery {
	out := make([]queue.Delivery, len(batch))
	for i, m := range batch {
		d := queue.Delivery{Body: m.Body, Deliveries: int(m.DeliveryCount), MessageID: m.MessageID, Token: m}
		if m.LockedUntil != nil {
			d.LockedUntil = *m.LockedUntil
		}

		if m.EnqueuedTime != nil {
			d.EnqueuedAt = *m.EnqueuedTime
		}

		if m.CorrelationID != nil {
			d.CorrelationID = *m.CorrelationID
		}

		msg, err := state.DecodeMessage(m.Body)
		if err != nil {
			r.c.log.Error("message has an unknown format", keys.Queue, r.queue.String(), keys.Error, err)
		}

		d.Message = msg
		out[i] = d
	}

	return out
}

// received returns the message of a delivery. Only Receive sets it.
func received(d queue.Delivery) (*sb.ReceivedMessage, error) {
	m, ok := d.Token.(*sb.ReceivedMessage)
	if !ok {
		return nil, state.Errorf(
			state.CodeInternal,
			"servicebus",
			"the delivery %q belongs to another transport",
			d.MessageID,
		)
	}

	return m, nil
}

// settle tries to settle a delivery within its limit. If the connection was
// lost, it renews the lock, which opens the links again, and settles by lock
// token. If that fails, the message is delivered again when its lock expires.
func (r *receiver) settle(
	ctx context.Context,
	d queue.Delivery,
	do func(context.Context, *sb.ReceivedMessage) error,
) error {
	m, err := received(d)
	if err != nil {
		return err
	}

	limit, cancel := context.WithTimeout(ctx, firstSettleLimit)
	err = do(limit, m)

	cancel()

	if err == nil || lockLost(err) {
		return settled(err)
	}

	limit, cancel = context.WithTimeout(ctx, settleLimit)
	defer cancel()

	if err := r.sb.RenewMessageLock(limit, m, nil); err != nil {
		return settled(err)
	}

	return settled(do(limit, &sb.ReceivedMessage{LockToken: m.LockToken}))
}

func settled(err error) error {
	if lockLost(err) {
		return queue.ErrLockLost
	}

	return err
}

func lockLost(err error) bool {
	var known *sb.Error
	return errors.As(err, &known) && known.Code == sb.CodeLockLost
}

// Complete removes the message permanently.
func (r *receiver) Complete(ctx context.Context, d queue.Delivery) error {
	return r.settle(
		ctx,
		d,
		func(ctx context.Context, m *sb.ReceivedMessage) error { return r.sb.CompleteMessage(ctx, m, nil) },
	)
}

// Abandon releases the lock of a delivery.
func (r *receiver) Abandon(ctx context.Context, d queue.Delivery) error {
	return r.settle(
		ctx,
		d,
		func(ctx context.Context, m *sb.ReceivedMessage) error { return r.sb.AbandonMessage(ctx, m, nil) },
	)
}

// DeadLetter moves the message to the dead-letter queue.
func (r *receiver) DeadLetter(ctx context.Context, d queue.Delivery, reason string) error {
	o := &sb.DeadLetterOptions{Reason: &reason}

	return r.settle(
		ctx,
		d,
		func(ctx context.Context, m *sb.ReceivedMessage) error { return r.sb.DeadLetterMessage(ctx, m, o) },
	)
}

// Renew extends the lock.
func (r *receiver) Renew(ctx context.Context, d queue.Delivery) (time.Time, error) {
	m, err := received(d)
	if err != nil {
		return time.Time{}, err
	}

	limit, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()

	if err := r.sb.RenewMessageLock(limit, m, nil); err != nil {
		return time.Time{}, settled(err)
	}

	if m.LockedUntil == nil {
		return time.Time{}, nil
	}

	return *m.LockedUntil, nil
}

// Close ends Receive and the link.
func (r *receiver) Close() (err error) {
	r.once.Do(func() {
		r.close()

		limit, cancel := context.WithTimeout(context.Background(), settleLimit)
		defer cancel()

		err = r.sb.Close(limit)
	})

	return err
}
