package servicebus

import (
	"context"
	"errors"
	"sync"
	"time"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"coremachine/internal/queue"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Limits of settling. After a lost connection the client's own retries, which
// no option changes, would hold a call for three quarters of a minute. The
// first try is cut short so that a caller who allows 5 s has time left for the
// second.
const (
	firstTry    = 2 * time.Second
	settleLimit = 4 * time.Second
)

// receiver takes deliveries from one queue with peek-lock.
type receiver struct {
	c     *Client
	queue state.Queue
	sb    *sb.Receiver
	ctx   context.Context
	close context.CancelFunc
	once  sync.Once
	away  string // what was wrong at the last try
}

// Receiver takes deliveries from a queue, for processes without the Functions
// host.
func (c *Client) Receiver(q state.Queue) (queue.Receiver, error) {
	r, err := c.client.NewReceiverForQueue(q.String(), nil)
	if err != nil {
		return nil, c.classify("servicebus.Receiver", q, err)
	}

	ctx, cancel := context.WithCancel(context.Background())

	return &receiver{c: c, queue: q, sb: r, ctx: ctx, close: cancel}, nil
}

// Receive asks for no more than the caller can take: what arrives while nobody
// asks would be given back in a loop.
func (r *receiver) Receive(ctx context.Context, most int) ([]queue.Delivery, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()

	wait := 100 * time.Millisecond

	for {
		batch, err := r.sb.ReceiveMessages(ctx, most, nil)
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
			pause(ctx, wait)
			wait = min(2*wait, 5*time.Second)
		}
	}
}

// report logs when receiving begins to fail, when it fails for another reason,
// and when it works again; not at each try between.
func (r *receiver) report(err error) {
	var now string
	if told, ok := errors.AsType[*state.Error](err); ok {
		now = told.Msg // the cause's text differs at each try
	}

	switch {
	case now == r.away:
	case err != nil:
		r.c.log.Warn(
			"the queue cannot be received from; trying on",
			keys.Queue,
			r.queue.String(),
			keys.Error,
			err,
		)
	default:
		r.c.log.Info("the queue can be received from again", keys.Queue, r.queue.String())
	}

	r.away = now
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()

	select {
	case <-t.C:
	case <-ctx.Done():
	}
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
			r.c.log.Error("a message is not one of ours", keys.Queue, r.queue.String(), keys.Error, err)
		}

		d.Message = msg
		out[i] = d
	}

	return out
}

// received is the message that a delivery carries, which none but Receive can
// have put there.
func received(d queue.Delivery) (*sb.ReceivedMessage, error) {
	m, ok := d.Token.(*sb.ReceivedMessage)
	if !ok {
		return nil, state.Errorf(
			state.CodeInternal,
			"servicebus",
			"the delivery %q came over another transport",
			d.MessageID,
		)
	}

	return m, nil
}

// settle tries a settlement once, within its limit; where the connection was
// lost it renews the lock, which opens the links again, and settles by lock
// token. What still fails comes again when its lock ends.
func (r *receiver) settle(
	ctx context.Context,
	d queue.Delivery,
	do func(context.Context, *sb.ReceivedMessage) error,
) error {
	m, err := received(d)
	if err != nil {
		return err
	}

	limit, cancel := context.WithTimeout(ctx, firstTry)
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

// Complete ends a delivery for good.
func (r *receiver) Complete(ctx context.Context, d queue.Delivery) error {
	return r.settle(
		ctx,
		d,
		func(ctx context.Context, m *sb.ReceivedMessage) error { return r.sb.CompleteMessage(ctx, m, nil) },
	)
}

// Abandon gives a delivery back.
func (r *receiver) Abandon(ctx context.Context, d queue.Delivery) error {
	return r.settle(
		ctx,
		d,
		func(ctx context.Context, m *sb.ReceivedMessage) error { return r.sb.AbandonMessage(ctx, m, nil) },
	)
}

// DeadLetter sets a message aside.
func (r *receiver) DeadLetter(ctx context.Context, d queue.Delivery, reason string) error {
	o := &sb.DeadLetterOptions{Reason: &reason}

	return r.settle(
		ctx,
		d,
		func(ctx context.Context, m *sb.ReceivedMessage) error { return r.sb.DeadLetterMessage(ctx, m, o) },
	)
}

// Renew keeps the lock.
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
