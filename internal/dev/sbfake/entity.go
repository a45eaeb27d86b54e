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

// entity is a queue, or the dead-letter part of one. All of it is guarded by
// the broker's lock.
type entity struct {
	b        *Broker
	name     string
	dead     *entity // nil of a dead-letter queue
	ready    []*item // in order of sequence
	locked   map[[16]byte]*item
	later    waits           // what is locked or scheduled, by when that ends
	mortal   expiries        // what is ready and expires, by when
	deferred map[int64]*item // that are not locked, by sequence
	seen     ids
	links    []*link // that receive from it
	turn     int     // of links, whose was the last delivery
	timer    *time.Timer
	armed    time.Time
}

// item is a stored message.
type item struct {
	message  *amqp.Message
	id       string // its sender's
	given    string // its id where the sender gave none
	sequence int64
	enqueued time.Time
	count    uint32 // deliveries that failed
	lock     [16]byte
	until    time.Time // of a locked message its lock's end, of a scheduled one when it is due
	place    int       // in later

	postponed bool      // it was deferred: only who names its sequence receives it
	expires   time.Time // zero: never
	turn      int       // in mortal
}

func newEntity(b *Broker, name string, dead *entity) *entity {
	return &entity{
		b:        b,
		name:     name,
		dead:     dead,
		locked:   map[[16]byte]*item{},
		deferred: map[int64]*item{},
		seen:     newIDs(),
	}
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
	if it.id == "" {
		it.given = rand.Text()
	}

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

	e.live(it)
	e.makeReady(it)

	return it
}

// live starts the time to live of a message.
func (e *entity) live(it *item) {
	if ttl := e.ttl(it.message); ttl > 0 {
		it.expires = it.enqueued.Add(ttl)
	}
}

// ttl is how long a message lives: the shorter of its own time and its
// queue's; 0: without end.
func (e *entity) ttl(m *amqp.Message) time.Duration {
	own, limit := time.Duration(0), e.b.opts.TTL
	if m.Header != nil {
		own = m.Header.TTL
	}

	if own == 0 || limit > 0 && limit < own {
		return limit
	}

	return own
}

// makeReady puts a message into its place, which after a failed delivery is
// near the front.
func (e *entity) makeReady(it *item) {
	if !it.expires.IsZero() {
		heap.Push(&e.mortal, it)
	}

	if n := len(e.ready); n == 0 || e.ready[n-1].sequence < it.sequence {
		e.ready = append(e.ready, it)
		return
	}

	at, _ := slices.BinarySearchFunc(e.ready, it, bySequence)
	e.ready = slices.Insert(e.ready, at, it)
}

func bySequence(a, b *item) int { return cmp.Compare(a.sequence, b.sequence) }

// pump delivers what is due to links that have credit, and sees to it that it
// is called again when a lock ends or a message becomes due.
func (e *entity) pump() {
	now := time.Now()
	for len(e.later) > 0 && !e.later[0].until.After(now) {
		it := e.later[0]
		if e.locked[it.lock] == it {
			e.unlock(it, true)
			continue
		}

		heap.Pop(&e.later)

		it.enqueued = it.until
		e.live(it)
		e.makeReady(it)
	}

	e.expire(now)

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

	return e.pick(at)
}

// pick takes a ready message by its place.
func (e *entity) pick(at int) *item {
	it := e.ready[at]
	if !it.expires.IsZero() {
		heap.Remove(&e.mortal, it.turn)
	}

	if at == 0 {
		e.ready[0] = nil
		e.ready = e.ready[1:]

		return it
	}

	e.ready = slices.Delete(e.ready, at, at+1)

	return it
}

// expire takes out what is ready and has lived too long. What is locked then
// expires when its lock ends.
func (e *entity) expire(now time.Time) {
	for len(e.mortal) > 0 && !e.mortal[0].expires.After(now) {
		at, _ := slices.BinarySearchFunc(e.ready, e.mortal[0], bySequence)

		it := e.pick(at)
		if e.b.opts.DeadLetterExpired {
			e.moveToDead(it, "TTLExpiredException", "The message expired and was dead lettered.")
		}
	}
}

func (e *entity) deliver(l *link, it *item, now time.Time) {
	if !l.settled { // else: receive and delete
		e.hold(it, now)
	}

	l.send(it, l.settled)
}

// hold locks a message for the receiver that it is delivered to.
func (e *entity) hold(it *item, now time.Time) {
	if _, err := rand.Read(it.lock[:]); err != nil {
		panic(err) // it never fails
	}

	it.until = now.Add(e.b.opts.Lock)
	e.locked[it.lock] = it
	heap.Push(&e.later, it)
}

// done takes a locked message out of the queue.
func (e *entity) done(it *item) {
	delete(e.locked, it.lock)
	heap.Remove(&e.later, it.place)
}

// unlock makes a locked message ready again; failed raises its delivery count,
// and sets it aside when that is the last.
func (e *entity) unlock(it *item, failed bool) {
	if failed {
		it.count++
	}

	if e.dead != nil && int(it.count) >= e.b.opts.MaxDeliveries {
		e.bury(it, "MaxDeliveryCountExceeded", "the message was delivered too often")
		return
	}

	e.done(it)

	if it.postponed {
		e.deferred[it.sequence] = it
		return
	}

	e.makeReady(it)
}

// postpone defers a locked message. It does not expire.
func (e *entity) postpone(it *item) {
	e.done(it)
	it.postponed = true
	e.deferred[it.sequence] = it
}

// bury moves a locked message to the dead-letter queue, which it does not leave
// by the same way.
func (e *entity) bury(it *item, reason, text string) {
	if e.dead == nil {
		e.unlock(it, true)
		return
	}

	e.done(it)
	e.moveToDead(it, reason, text)
}

// Properties of a dead letter.
const (
	deadReason = "DeadLetterReason"
	deadText   = "DeadLetterErrorDescription"
)

// moveToDead puts a message that was taken out of the queue into its
// dead-letter queue, where it neither expires nor is deferred.
func (e *entity) moveToDead(it *item, reason, text string) {
	it.modify(map[string]any{deadReason: reason, deadText: text})
	it.postponed, it.expires = false, time.Time{}
	e.dead.makeReady(it)
	e.dead.pump()
}

// modify merges properties into those of the message's sender.
func (it *item) modify(changed map[string]any) {
	properties := map[string]any{}
	maps.Copy(properties, it.message.ApplicationProperties)
	maps.Copy(properties, changed)
	it.message.ApplicationProperties = properties
}

// nextChange is when the next lock ends, or message becomes due or expires;
// zero: never.
func (e *entity) nextChange() (next time.Time) {
	if len(e.later) > 0 {
		next = e.later[0].until
	}

	if len(e.mortal) > 0 && (next.IsZero() || e.mortal[0].expires.Before(next)) {
		next = e.mortal[0].expires
	}

	return next
}

// arm sets the timer for the next change that time brings.
func (e *entity) arm(now time.Time) {
	next := e.nextChange()
	if next.IsZero() || e.b.closed || next.Equal(e.armed) {
		return
	}

	e.armed = next

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
