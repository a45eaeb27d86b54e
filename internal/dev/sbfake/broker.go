package sbfake

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Options are the settings of every queue, as a namespace would have them; the
// zero value is what docs/deploy.md asks for.
type Options struct {
	Queues        []string      // their names; others do not exist
	Lock          time.Duration // how long a delivery is locked; 0: 1 min
	MaxDeliveries int           // more sets a message aside; 0: 100
	Duplicates    time.Duration // window of duplicate detection; 0: 10 min, negative: off
	MaxMessage    int           // bytes of a message or batch; 0: 262,144

	TTL               time.Duration // how long a message lives at most; 0: without end
	DeadLetterExpired bool          // what expires is set aside, and not deleted
}

// Faults are what goes wrong on demand. Each hook may be nil; it is asked under
// the broker's lock, so it may not call the broker.
type Faults struct {
	Token func(audience string) bool   // true refuses the token: 401
	Send  func(queue string) SendFault // what becomes of an arriving transfer
	// true refuses a message, and with it its whole transfer, permanently
	Refuse  func(queue, id string) bool
	Receive func(queue string) bool        // true drops the connection instead of delivering
	Order   func(queue string, n int) int  // which of n ready messages goes next; nil: the oldest
	Settle  func(queue string) SettleFault // what becomes of a settlement
}

// SendFault is what becomes of a message that arrives.
type SendFault int

// Send faults.
const (
	SendOK        SendFault = iota
	SendBusy                // refused: server-busy
	SendQuota               // refused: the queue is full
	SendDetach              // refused: the link is detached by force
	SendLoseAck             // stored, and the connection drops before the answer
	SendLoseBatch           // not stored, and the connection drops
)

// SettleFault is what becomes of a settlement.
type SettleFault int

// Settle faults.
const (
	SettleOK       SettleFault = iota
	SettleLoseAck              // done, and the connection drops before the answer
	SettleLoseLock             // refused: the lock was lost, and the message is ready again
)

// Broker is the stand-in. Make it with New; it is safe for concurrent use.
type Broker struct {
	opts Options

	mu       sync.Mutex
	faults   Faults
	entities map[string]*entity
	conns    map[*conn]struct{}
	listener []net.Listener
	log      []Entry
	sequence int64
	closed   bool
	work     sync.WaitGroup
}

// Entry is one message that was sent and accepted.
type Entry struct {
	Queue     string
	MessageID string
	Duplicate bool // dropped by duplicate detection
}

// New makes a broker with its queues.
func New(o Options) *Broker {
	if o.Lock == 0 {
		o.Lock = time.Minute
	}
	if o.MaxDeliveries == 0 {
		o.MaxDeliveries = 100
	}

	if o.Duplicates == 0 {
		o.Duplicates = 10 * time.Minute
	}

	if o.MaxMessage == 0 {
		o.MaxMessage = 256 << 10
	}

	b := &Broker{opts: o, entities: map[string]*entity{}, conns: map[*conn]struct{}{}}
	for _, name := range o.Queues {
		dead := newEntity(b, name+deadSuffix, nil)
		b.entities[name], b.entities[dead.name] = newEntity(b, name, dead), dead
	}

	return b
}

const deadSuffix = "/$DeadLetterQueue"

// SetFaults puts other faults in place.
func (b *Broker) SetFaults(f Faults) {
	b.mu.Lock()
	b.faults = f
	b.mu.Unlock()
}

func (b *Broker) faultsNow() Faults {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.faults
}

// Listen serves on a TCP address, such as 127.0.0.1:0, and returns the address
// in use.
func (b *Broker) Listen(address string) (string, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return "", fmt.Errorf("sbfake.Listen: %w", err)
	}

	b.mu.Lock()
	b.listener = append(b.listener, l)
	b.mu.Unlock()
	b.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}

			b.work.Go(func() { b.ServeConn(c) })
		}
	})

	return l.Addr().String(), nil
}

// ConnectionString is what a client connects with, in clear text, to an address
// of Listen.
func ConnectionString(address string) string {
	return "Endpoint=sb://" + address + ";SharedAccessKeyName=test;SharedAccessKey=dGVzdA==;UseDevelopmentEmulator=true"
}

// Pipe returns a connection to the broker without a port: the client's end.
func (b *Broker) Pipe() net.Conn {
	client, server := net.Pipe()

	b.work.Go(func() { b.ServeConn(server) })

	return client
}

// ServeConn speaks with one client until either end closes.
func (b *Broker) ServeConn(c net.Conn) {
	k := newConn(b, c)
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()

		_ = c.Close()

		return
	}

	b.conns[k] = struct{}{}
	b.mu.Unlock()
	k.serve()
	b.mu.Lock()
	delete(b.conns, k)
	b.mu.Unlock()
}

// DropConnections closes every connection, as an outage does.
func (b *Broker) DropConnections() {
	b.mu.Lock()
	defer b.mu.Unlock()

	for k := range b.conns {
		_ = k.net.Close()
	}
}

// Close ends all connections and listeners, and waits for what served them.
func (b *Broker) Close() {
	b.mu.Lock()

	b.closed = true
	for _, l := range b.listener {
		_ = l.Close()
	}

	for _, e := range b.entities {
		e.stop()
	}
	b.mu.Unlock()
	b.DropConnections()
	b.work.Wait()
}

// Depth is what is in a queue.
type Depth struct{ Ready, Locked, Scheduled, Deferred, Dead int }

// Depth counts a queue; one that does not exist is empty.
func (b *Broker) Depth(queue string) Depth {
	b.mu.Lock()
	defer b.mu.Unlock()

	e := b.entities[queue]
	if e == nil {
		return Depth{}
	}

	d := Depth{
		Ready:     len(e.ready),
		Locked:    len(e.locked),
		Scheduled: len(e.later) - len(e.locked),
		Deferred:  len(e.deferred),
	}
	if e.dead != nil {
		d.Dead = len(e.dead.ready) + len(e.dead.later)
	}

	return d
}

// Log returns what was sent so far.
func (b *Broker) Log() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()

	return append([]Entry(nil), b.log...)
}

// DropLocks makes every locked message of a queue ready again, as a failover
// does, and returns how many.
func (b *Broker) DropLocks(queue string) int {
	b.mu.Lock()
	defer b.mu.Unlock()

	e := b.entities[queue]
	if e == nil {
		return 0
	}

	n := len(e.locked)
	for _, m := range e.locked {
		e.unlock(m, true)
	}

	e.pump()

	return n
}

// find returns the entity of a link's address, and whether the address is its
// management node. The .NET client begins addresses with a slash.
func (b *Broker) find(address string) (e *entity, management bool) {
	address = strings.TrimPrefix(address, "/")

	name, management := strings.CutSuffix(address, "/$management")
	for known, e := range b.entities {
		if strings.EqualFold(known, name) {
			return e, management
		}
	}

	return nil, management
}
