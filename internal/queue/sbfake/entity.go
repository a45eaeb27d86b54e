package sbfake

import (
	"crypto/rand"
	"slices"
	"time"

	"github.com/Azure/go-amqp"
)

// entity is a queue, or the dead-letter part of one. All of it is guarded by the broker's lock.
type entity struct {
	b      *Broker
	name   string
	dead   *entity // nil of a dead-letter queue
	ready  []*item // in order of arrival; some are due later
	locked map[[16]byte]*item
	seen   map[string]time.Time // message ids, until when they are remembered
	links  []*link              // that receive from it
	timer  *time.Timer
}

// item is a stored message.
type item struct {
	message  *amqp.Message
	id       string
	sequence int64
	enqueued time.Time
	due      time.Time
	count    uint32 // deliveries that failed
	lock     [16]byte
	until    time.Time
}

func newEntity(b *Broker, name string, dead *entity) *entity {
	return &entity{b: b, name: name, dead: dead, locked: map[[16]byte]*item{}, seen: map[string]time.Time{}}
}

func (e *entity) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// enqueue stores a message, or drops it where its id was seen.
func (e *entity) enqueue(m *amqp.Message) *item {
	now := time.Now()
	it := &item{message: m, enqueued: now, due: now}
	if m.Properties != nil {
		it.id, _ = m.Properties.MessageID.(string)
	}
	if at, ok := m.Annotations["x-opt-scheduled-enqueue-time"].(time.Time); ok {
		it.due = at
	}
	until, seen := e.seen[it.id]
	duplicate := e.b.opts.Duplicates > 0 && it.id != "" && seen && now.Before(until)
	e.b.log = append(e.b.log, Entry{Queue: e.name, MessageID: it.id, Duplicate: duplicate})
	e.b.sequence++
	it.sequence = e.b.sequence
	if duplicate {
		return it
	}
	e.seen[it.id] = now.Add(e.b.opts.Duplicates)
	e.ready = append(e.ready, it)
	return it
}

// pump delivers what is due to links that have credit, and sees to it that it is called again when a lock ends or a message
// becomes due.
func (e *entity) pump() {
	now := time.Now()
	for _, it := range e.locked {
		if !it.until.After(now) {
			e.unlock(it, true)
		}
	}
	for {
		l := e.free()
		if l == nil {
			break
		}
		it := e.next(now)
		if it == nil {
			break
		}
		e.deliver(l, it, now)
	}
	e.arm(now)
}

func (e *entity) free() *link {
	for i, l := range e.links {
		if l.credit > 0 && l.session.window() > 0 && !l.conn.gone {
			e.links = append(append(slices.Clone(e.links[:i]), e.links[i+1:]...), l) // the next one has its turn
			return l
		}
	}
	return nil
}

// next takes the next message that is due, and sets aside what was delivered too often.
func (e *entity) next(now time.Time) *item {
	var due []int
	for i, it := range e.ready {
		if !it.due.After(now) {
			due = append(due, i)
			if e.b.faults.Order == nil {
				break
			}
		}
	}
	if len(due) == 0 {
		return nil
	}
	at := due[0]
	if e.b.faults.Order != nil {
		at = due[e.b.faults.Order(e.name, len(due))%len(due)]
	}
	it := e.ready[at]
	e.ready = slices.Delete(e.ready, at, at+1)
	if e.dead != nil && int(it.count) >= e.b.opts.MaxDeliveries {
		e.bury(it, "MaxDeliveryCountExceeded", "the message was delivered too often")
		return e.next(now)
	}
	return it
}

func (e *entity) deliver(l *link, it *item, now time.Time) {
	if _, err := rand.Read(it.lock[:]); err != nil {
		panic(err) // it never fails
	}
	it.until = now.Add(e.b.opts.Lock)
	if l.settled { // receive and delete
		l.send(it, true)
		return
	}
	e.locked[it.lock] = it
	l.send(it, false)
}

// unlock makes a locked message ready again; failed raises its delivery count.
func (e *entity) unlock(it *item, failed bool) {
	delete(e.locked, it.lock)
	if failed {
		it.count++
	}
	at, _ := slices.BinarySearchFunc(e.ready, it, func(a, b *item) int { return int(a.sequence - b.sequence) })
	e.ready = slices.Insert(e.ready, at, it)
}

// bury moves a message to the dead-letter queue.
func (e *entity) bury(it *item, reason, text string) {
	delete(e.locked, it.lock)
	if e.dead == nil {
		return
	}
	if it.message.ApplicationProperties == nil {
		it.message.ApplicationProperties = map[string]any{}
	}
	it.message.ApplicationProperties["DeadLetterReason"] = reason
	it.message.ApplicationProperties["DeadLetterErrorDescription"] = text
	it.due = time.Now()
	e.dead.ready = append(e.dead.ready, it)
	e.dead.pump()
}

// arm sets the timer for the next lock that ends or message that becomes due.
func (e *entity) arm(now time.Time) {
	var at time.Time
	sooner := func(t time.Time) {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, it := range e.locked {
		sooner(it.until)
	}
	for _, it := range e.ready {
		sooner(it.due)
	}
	if e.timer != nil {
		e.timer.Stop()
	}
	if at.IsZero() || e.b.closed {
		return
	}
	e.timer = time.AfterFunc(at.Sub(now)+time.Millisecond, func() {
		e.b.mu.Lock()
		defer e.b.mu.Unlock()
		if !e.b.closed {
			e.pump()
		}
	})
}

// wire is the message as delivered, with what the service adds to it.
func (it *item) wire() ([]byte, error) {
	m := *it.message
	m.Header = &amqp.MessageHeader{DeliveryCount: it.count, Durable: true}
	if m.Properties == nil {
		m.Properties = &amqp.MessageProperties{}
	}
	a := amqp.Annotations{}
	for k, v := range it.message.Annotations {
		a[k] = v
	}
	a["x-opt-sequence-number"] = it.sequence
	a["x-opt-enqueued-time"] = it.enqueued
	a["x-opt-locked-until"] = it.until
	a["x-opt-message-state"] = int32(0)
	m.Annotations = a
	return m.MarshalBinary()
}
