package sbfake

import (
	"cmp"
	"container/heap"
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"github.com/Azure/go-amqp"
)

// entity is a queue, or the dead-letter part of one. All of it is guarded by the broker's lock.
type entity struct {
	b      *Broker
	name   string
	dead   *entity // nil of a dead-letter queue
	ready  []*item // in order of sequence
	locked map[[16]byte]*item
	later  waits // what is locked or scheduled, by when that ends
	seen   ids
	links  []*link // that receive from it
	turn   int     // of links, whose was the last delivery
	timer  *time.Timer
	armed  time.Time
}

// item is a stored message.
type item struct {
	message  *amqp.Message
	id       string
	sequence int64
	enqueued time.Time
	count    uint32 // deliveries that failed
	lock     [16]byte
	until    time.Time // of a locked message its lock's end, of a scheduled one when it is due
	place    int       // in later
}

func newEntity(b *Broker, name string, dead *entity) *entity {
	return &entity{b: b, name: name, dead: dead, locked: map[[16]byte]*item{}, seen: newIDs()}
}

func (e *entity) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// enqueue stores a message, or drops it where its id was seen.
func (e *entity) enqueue(m *amqp.Message) *item {
	now := time.Now()
	e.b.sequence++
	it := &item{message: m, id: messageID(m), enqueued: now, sequence: e.b.sequence}
	duplicate := e.b.opts.Duplicates > 0 && it.id != "" && !e.seen.add(it.id, now, e.b.opts.Duplicates)
	e.b.log = append(e.b.log, Entry{Queue: e.name, MessageID: it.id, Duplicate: duplicate})
	if duplicate {
		return it
	}
	if at, ok := m.Annotations["x-opt-scheduled-enqueue-time"].(time.Time); ok && at.After(now) {
		it.until = at
		heap.Push(&e.later, it)
		return it
	}
	e.makeReady(it)
	return it
}

// makeReady puts a message into its place, which after a failed delivery is near the front.
func (e *entity) makeReady(it *item) {
	if n := len(e.ready); n == 0 || e.ready[n-1].sequence < it.sequence {
		e.ready = append(e.ready, it)
		return
	}
	at, _ := slices.BinarySearchFunc(e.ready, it, bySequence)
	e.ready = slices.Insert(e.ready, at, it)
}

func bySequence(a, b *item) int { return cmp.Compare(a.sequence, b.sequence) }

// pump delivers what is due to links that have credit, and sees to it that it is called again when a lock ends or a message
// becomes due.
func (e *entity) pump() {
	now := time.Now()
	for len(e.later) > 0 && !e.later[0].until.After(now) {
		it := e.later[0]
		if e.locked[it.lock] == it {
			e.unlock(it, true)
			continue
		}
		heap.Pop(&e.later)
		e.makeReady(it)
	}
	for len(e.ready) > 0 {
		l := e.free()
		if l == nil {
			break
		}
		if e.b.faults.Receive != nil && e.b.faults.Receive(e.name) {
			l.conn.drop()
			continue
		}
		e.deliver(l, e.next(), now)
	}
	e.arm(now)
}

// free finds a link that may be delivered to; they take turns.
func (e *entity) free() *link {
	for range e.links {
		e.turn = (e.turn + 1) % len(e.links)
		if l := e.links[e.turn]; l.credit > 0 && l.session.window() > 0 && !l.conn.gone {
			return l
		}
	}
	return nil
}

// next takes a ready message: the oldest, unless the faults want another.
func (e *entity) next() *item {
	at := 0
	if e.b.faults.Order != nil {
		at = e.b.faults.Order(e.name, len(e.ready)) % len(e.ready)
	}
	it := e.ready[at]
	if at == 0 {
		e.ready[0] = nil
		e.ready = e.ready[1:]
		return it
	}
	e.ready = slices.Delete(e.ready, at, at+1)
	return it
}

func (e *entity) deliver(l *link, it *item, now time.Time) {
	if _, err := rand.Read(it.lock[:]); err != nil {
		panic(err) // it never fails
	}
	it.until = now.Add(e.b.opts.Lock)
	if !l.settled { // else: receive and delete
		e.locked[it.lock] = it
		heap.Push(&e.later, it)
	}
	l.send(it, l.settled)
}

// done takes a locked message out of the queue.
func (e *entity) done(it *item) {
	delete(e.locked, it.lock)
	heap.Remove(&e.later, it.place)
}

// unlock makes a locked message ready again; failed raises its delivery count, and sets it aside when that is the last.
func (e *entity) unlock(it *item, failed bool) {
	if failed {
		it.count++
	}
	if e.dead != nil && int(it.count) >= e.b.opts.MaxDeliveries {
		e.bury(it, "MaxDeliveryCountExceeded", "the message was delivered too often")
		return
	}
	e.done(it)
	e.makeReady(it)
}

// bury moves a locked message to the dead-letter queue, which it does not leave by the same way.
func (e *entity) bury(it *item, reason, text string) {
	if e.dead == nil {
		e.unlock(it, true)
		return
	}
	e.done(it)
	properties := map[string]any{}
	maps.Copy(properties, it.message.ApplicationProperties)
	properties["DeadLetterReason"], properties["DeadLetterErrorDescription"] = reason, text
	it.message.ApplicationProperties = properties
	e.dead.makeReady(it)
	e.dead.pump()
}

// arm sets the timer for the next lock that ends or message that becomes due.
func (e *entity) arm(now time.Time) {
	if len(e.later) == 0 || e.b.closed || e.later[0].until.Equal(e.armed) {
		return
	}
	e.armed = e.later[0].until
	wait := e.armed.Sub(now) + time.Millisecond
	if e.timer != nil {
		e.timer.Reset(wait)
		return
	}
	e.timer = time.AfterFunc(wait, func() {
		e.b.mu.Lock()
		defer e.b.mu.Unlock()
		e.armed = time.Time{}
		if !e.b.closed {
			e.pump()
		}
	})
}

// wire is the message as delivered, with what the service adds to it.
func (e *entity) wire(it *item) ([]byte, error) {
	m := *it.message
	m.Header = &amqp.MessageHeader{DeliveryCount: it.count, Durable: true}
	if m.Properties == nil {
		m.Properties = &amqp.MessageProperties{}
	}
	a := amqp.Annotations{}
	maps.Copy(a, it.message.Annotations)
	a["x-opt-sequence-number"] = it.sequence
	a["x-opt-enqueued-time"] = it.enqueued
	a["x-opt-message-state"] = int32(0)
	if e.locked[it.lock] == it {
		a["x-opt-locked-until"] = it.until
	}
	if e.dead == nil {
		a["x-opt-deadletter-source"] = e.name[:len(e.name)-len(deadSuffix)]
	}
	m.Annotations = a
	return m.MarshalBinary()
}
