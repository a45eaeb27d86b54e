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

// entity is a queue or its dead-letter queue. The broker's lock guards it.
type entity struct {
	b        *Broker
	name     string
	dead     *entity // nil for a dead-letter queue
	ready    []*item // in order of sequence
	locked   map[[16]byte]*item
	timed    waits           // locked and scheduled messages, by the end of that state
	expiring expiries        // ready messages that expire, by that time
	deferred map[int64]*item // deferred messages that are not locked, by sequence
	seen     ids
	links    []*link // receiving links
	turn     int     // index of the link with the last delivery
	timer    *time.Timer
	armed    time.Time
}

// item is a stored message.
type item struct {
	message  *amqp.Message
	id       string // assigned by the sender
	given    string // assigned by the broker if the sender assigned none
	sequence int64
	enqueued time.Time
	count    uint32 // failed deliveries
	lock     [16]byte
	until    time.Time // end of the lock of a locked message, or due time of a scheduled one
	place    int       // index in timed

	isDeferred bool      // can only be received by its sequence number
	expires    time.Time // zero means never
	turn       int       // index in expiring
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

// enqueue stores a message, or drops it if its ID is a duplicate.
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
		heap.Push(&e.timed, it)

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

// ttl returns the lifetime of a message: the shorter of its own and the
// queue's. Zero means unlimited.
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

// makeReady inserts a message in order. After a failed delivery its place is
// near the front.
func (e *entity) makeReady(it *item) {
	if !it.expires.IsZero() {
		heap.Push(&e.expiring, it)
	}

	if n := len(e.ready); n == 0 || e.ready[n-1].sequence < it.sequence {
		e.ready = append(e.ready, it)
		return
	}

	at, _ := slices.BinarySearchFunc(e.ready, it, bySequence)
	e.ready = slices.Insert(e.ready, at, it)
}

func bySequence(a, b *item) int { return cmp.Compare(a.sequence, b.sequence) }

// pump delivers ready messages to links with credit, and schedules its next
// call for when a lock ends or a message becomes due.
func (e *entity) pump() {
	now := time.Now()
	for len(e.timed) > 0 && !e.timed[0].until.After(now) {
		it := e.timed[0]
		if e.locked[it.lock] == it {
			e.unlock(it, true)
			continue
		}

		heap.Pop(&e.timed)

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

// free returns the next link that can receive, in round-robin order.
func (e *entity) free() *link {
	for range e.links {
		e.turn = (e.turn + 1) % len(e.links)
		if l := e.links[e.turn]; l.credit > 0 && l.session.window() > 0 && !l.conn.gone {
			return l
		}
	}

	return nil
}

// next removes and returns a ready message: the oldest, unless Faults.Order
// selects another.
func (e *entity) next() *item {
	at := 0
	if e.b.faults.Order != nil {
		at = e.b.faults.Order(e.name, len(e.ready)) % len(e.ready)
	}

	return e.takeAt(at)
}

// takeAt removes and returns the ready message at an index.
func (e *entity) takeAt(at int) *item {
	it := e.ready[at]
	if !it.expires.IsZero() {
		heap.Remove(&e.expiring, it.turn)
	}

	if at == 0 {
		e.ready[0] = nil
		e.ready = e.ready[1:]

		return it
	}

	e.ready = slices.Delete(e.ready, at, at+1)

	return it
}

// expire removes ready messages whose lifetime has ended. A locked message
// expires when its lock ends.
func (e *entity) expire(now time.Time) {
	for len(e.expiring) > 0 && !e.expiring[0].expires.After(now) {
		at, _ := slices.BinarySearchFunc(e.ready, e.expiring[0], bySequence)

		it := e.takeAt(at)
		if e.b.opts.DeadLetterExpired {
			e.moveToDead(it, "TTLExpiredException", "The message expired and was dead lettered.")
		}
	}
}

func (e *entity) deliver(l *link, it *item, now time.Time) {
	if !l.settled { // otherwise the link uses receive-and-delete
		e.hold(it, now)
	}

	l.send(it, l.settled)
}

// hold locks a message for its receiver.
func (e *entity) hold(it *item, now time.Time) {
	if _, err := rand.Read(it.lock[:]); err != nil {
		panic(err) // never fails
	}

	it.until = now.Add(e.b.opts.Lock)
	e.locked[it.lock] = it
	heap.Push(&e.timed, it)
}

// done removes a locked message from the queue.
func (e *entity) done(it *item) {
	delete(e.locked, it.lock)
	heap.Remove(&e.timed, it.place)
}

// unlock makes a locked message ready again. If failed is true, it raises the
// delivery count, and dead-letters the message after the last delivery.
func (e *entity) unlock(it *item, failed bool) {
	if failed {
		it.count++
	}

	if e.dead != nil && int(it.count) >= e.b.opts.MaxDeliveries {
		e.deadLetter(it, "MaxDeliveryCountExceeded", "the message was delivered too often")
		return
	}

	e.done(it)

	if it.isDeferred {
		e.deferred[it.sequence] = it
		return
	}

	e.makeReady(it)
}

// deferItem defers a locked message. Deferred messages do not expire.
func (e *entity) deferItem(it *item) {
	e.done(it)
	it.isDeferred = true
	e.deferred[it.sequence] = it
}

// deadLetter moves a locked message to the dead-letter queue. A message of a
// dead-letter queue stays there.
func (e *entity) deadLetter(it *item, reason, text string) {
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

// moveToDead inserts a message that was removed from its queue into the
// dead-letter queue, where it does not expire and is not deferred.
func (e *entity) moveToDead(it *item, reason, text string) {
	it.modify(map[string]any{deadReason: reason, deadText: text})
	it.isDeferred, it.expires = false, time.Time{}
	e.dead.makeReady(it)
	e.dead.pump()
}

// modify merges properties into those of the message.
func (it *item) modify(changed map[string]any) {
	properties := map[string]any{}
	maps.Copy(properties, it.message.ApplicationProperties)
	maps.Copy(properties, changed)
	it.message.ApplicationProperties = properties
}

// nextChange returns when the next lock ends, or message becomes due or
// expires. Zero means never.
func (e *entity) nextChange() (next time.Time) {
	if len(e.timed) > 0 {
		next = e.timed[0].until
	}

	if len(e.expiring) > 0 && (next.IsZero() || e.expiring[0].expires.Before(next)) {
		next = e.expiring[0].expires
	}

	return next
}

// arm sets the timer for the next change.
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
