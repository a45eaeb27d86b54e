package devhost

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/queue"
	"coremachine/internal/telemetry/keys"
)

// pump posts the messages of one queue to its function and settles them by the
// response.
type pump struct {
	session  *session
	function *Function
	receiver queue.Receiver
	many     bool
	binary   bool
	slots    chan struct{}

	mu   sync.Mutex
	held map[*inFlight]struct{}
}

// inFlight is a message in flight, with the state of its lock renewal.
type inFlight struct {
	delivery queue.Delivery
	until    time.Time
	half     time.Duration // renewed when less than this is left
	last     time.Time     // not renewed after this
}

const renewalPoll = 100 * time.Millisecond

func newPump(s *session, f *Function, r queue.Receiver) *pump {
	return &pump{
		session:  s,
		function: f,
		receiver: r,
		held:     map[*inFlight]struct{}{},
		many:     f.Trigger.Cardinality == "many",
		binary:   f.Trigger.DataType == "binary",
		slots:    make(chan struct{}, s.host.app.Calls),
	}
}

// run receives until the session ends. It returns when every message in flight
// is settled.
func (p *pump) run() {
	ctx := p.session.ctx

	var open sync.WaitGroup
	defer open.Wait()

	if !p.many {
		open.Go(func() { p.renew(ctx) })
	}

	for {
		free := p.acquire(ctx)
		if free == 0 {
			return
		}

		batch, err := p.receiver.Receive(ctx, free)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, queue.ErrClosed) {
				return
			}

			p.session.host.log.Error(
				"queue receive failed",
				keys.Queue,
				p.function.Trigger.QueueName,
				keys.Error,
				err,
			)
			p.releaseSlots(free)

			if !clock.Sleep(ctx, time.Second) {
				return
			}

			continue
		}

		if p.many { // one batch at a time, settled together, without renewal
			p.batch(ctx, batch)
			continue
		}

		p.releaseSlots(free - len(batch))

		if p.session.host.options.Faults.Shuffle {
			rand.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
		}

		for _, d := range batch {
			open.Go(func() {
				defer p.releaseSlots(1)

				p.handle(ctx, d)
			})
		}
	}
}

// acquire waits for a free slot and returns the number of free ones, or 0 if
// ctx ended. With batches it returns the maximum batch size.
func (p *pump) acquire(ctx context.Context) int {
	if ctx.Err() != nil {
		return 0
	}

	if p.many {
		return p.session.host.app.BatchSize
	}

	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}

	for n := 1; ; n++ {
		select {
		case p.slots <- struct{}{}:
		default:
			return n
		}
	}
}

func (p *pump) releaseSlots(n int) {
	if p.many {
		return
	}

	for range n {
		<-p.slots
	}
}

// handle posts a message, repeatedly if a fault requires it, and settles it by
// the last response.
func (p *pump) handle(ctx context.Context, d queue.Delivery) {
	at := now()

	h := &inFlight{
		delivery: d,
		until:    d.LockedUntil,
		half:     d.LockedUntil.Sub(at) / 2,
		last:     at.Add(p.session.host.app.Renewal),
	}
	if p.session.host.app.Renewal < 0 {
		h.last = at.AddDate(1, 0, 0)
	}

	p.mu.Lock()
	p.held[h] = struct{}{}
	p.mu.Unlock()

	err := p.post(ctx, d)
	if twice := p.session.host.options.Faults.Duplicate; err == nil && twice != nil &&
		twice(p.function.Name, d) {
		p.session.host.counters.duplicates.Add(1)

		again := d
		again.Deliveries++
		err = p.post(ctx, again)
	}

	p.mu.Lock()
	delete(p.held, h)
	p.mu.Unlock()
	p.settle(ctx, d, err)
}

func (p *pump) post(ctx context.Context, d queue.Delivery) error {
	msg, id := fromDelivery(d), newID()
	buffer := getBuffer()
	writeOne(buffer, p.function.Trigger.Name, p.binary, &msg, p.session.stamp(p.function))

	return p.session.post(ctx, p.function, id, buffer)
}

func (p *pump) batch(ctx context.Context, batch []queue.Delivery) {
	messages := make([]busMessage, len(batch))
	for i, d := range batch {
		messages[i] = fromDelivery(d)
	}

	buffer := getBuffer()

	err := writeMany(
		buffer,
		p.function.Trigger.Name,
		p.function.Trigger.DataType,
		messages,
		p.session.stamp(p.function),
	)
	if err == nil {
		err = p.session.post(ctx, p.function, newID(), buffer)
	}

	for _, d := range batch {
		p.settle(ctx, d, err)
	}
}

// settle completes a message after a valid response, and otherwise abandons it
// immediately, because the host does not delay.
func (p *pump) settle(ctx context.Context, d queue.Delivery, failed error) {
	if delay := p.session.host.options.AbandonDelay; failed != nil && delay > 0 {
		clock.Sleep(ctx, delay)
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()

	c := &p.session.host.counters

	var err error

	if failed == nil {
		c.completed.Add(1)

		err = p.receiver.Complete(ctx, d)
	} else {
		c.abandoned.Add(1)

		err = p.receiver.Abandon(ctx, d)
	}

	if err == nil {
		return
	}

	c.unsettled.Add(1)
	// If the lock was lost, the message is delivered again. This needs no log.
	if !errors.Is(err, queue.ErrLockLost) {
		p.session.host.log.Warn("message not settled", "message_id", d.MessageID, keys.Error, err)
	}
}

// renew renews the locks of the messages in flight, each until
// maxAutoLockRenewalDuration after its arrival.
func (p *pump) renew(ctx context.Context) {
	for clock.Sleep(ctx, renewalPoll) {
		for _, h := range p.due() {
			limit, cancel := context.WithTimeout(ctx, settleLimit)
			until, err := p.receiver.Renew(limit, h.delivery)

			cancel()
			p.mu.Lock()
			switch {
			case err == nil:
				p.session.host.counters.renewed.Add(1)

				h.until = until
			case errors.Is(err, queue.ErrLockLost):
				h.last = time.Time{}
			default:
				h.half /= 2 // retry when half of the remaining time has passed
			}
			p.mu.Unlock()
		}
	}
}

func (p *pump) due() (all []*inFlight) {
	at := now()

	p.mu.Lock()
	defer p.mu.Unlock()

	for h := range p.held {
		if at.Before(h.last) && h.until.Sub(at) < h.half {
			all = append(all, h)
		}
	}

	return all
}

// stamp returns the values that the host adds to an invocation of f now.
func (s *session) stamp(f *Function) stamp {
	return stamp{
		function:  f.Name,
		at:        now(),
		random:    newID(),
		namespace: defaultNamespace,
		client:    defaultNamespace + "-1",
	}
}
