package sbfake

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Defaults are the settings of the queues that infra/data.bicep creates.
const (
	DefaultLock          = time.Minute
	DefaultMaxDeliveries = 100
	DefaultDuplicates    = 10 * time.Minute
)

// Options are the settings of all queues, like those of a namespace. The zero
// value has the settings of infra/data.bicep.
type Options struct {
	Queues        []string      // names of the queues; others do not exist
	Lock          time.Duration // how long a delivery is locked; default 1 min
	MaxDeliveries int           // later deliveries dead-letter a message; default 100
	Duplicates    time.Duration // window of duplicate detection; default 10 min, negative disables it
	MaxMessage    int           // maximum bytes of a message or batch; default 262,144

	TTL               time.Duration // maximum lifetime of a message; default unlimited
	DeadLetterExpired bool          // expired messages are dead-lettered instead of deleted
}

// Faults are hooks that inject faults. Each can be nil. Hooks run under the
// broker's lock, so they must not call the broker.
type Faults struct {
	Token func(audience string) bool   // true rejects the token with 401
	Send  func(queue string) SendFault // the result of a transfer
	// Refuse returns true to reject a message, and its whole transfer,
	// permanently.
	Refuse  func(queue, id string) bool
	Receive func(queue string) bool        // true drops the connection instead of delivering
	Order   func(queue string, n int) int  // the index of the next of n ready messages; nil means the oldest
	Settle  func(queue string) SettleFault // the result of a settlement
}

// SendFault is the result of a transfer.
type SendFault int

// Send faults.
const (
	SendOK        SendFault = iota
	SendBusy                // rejected with server-busy
	SendQuota               // rejected because the queue is full
	SendDetach              // rejected, and the link is detached
	SendLoseAck             // stored, and the connection drops before the answer
	SendLoseBatch           // not stored, and the connection drops
)

// SettleFault is the result of a settlement.
type SettleFault int

// Settle faults.
const (
	SettleOK       SettleFault = iota
	SettleLoseAck              // done, and the connection drops before the answer
	SettleLoseLock             // rejected because the lock was lost, and the message is ready again
)

// Broker is a fake Service Bus namespace. Create it with New. It is safe for
// concurrent use.
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

// Entry is a message that was sent and accepted.
type Entry struct {
	Queue     string
	MessageID string
	Duplicate bool // dropped by duplicate detection
}

// New creates a broker with its queues.
func New(o Options) *Broker {
	if o.Lock == 0 {
		o.Lock = DefaultLock
	}
	if o.MaxDeliveries == 0 {
		o.MaxDeliveries = DefaultMaxDeliveries
	}

	if o.Duplicates == 0 {
		o.Duplicates = DefaultDuplicates
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

// SetFaults replaces the faults.
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

// Listen serves on a TCP address, such as 127.0.0.1:0, and returns the actual
// address.
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

// ConnectionString returns a connection string without TLS for an address that
// Listen returned.
func ConnectionString(address string) string {
	return "Endpoint=sb://" + address + ";SharedAccessKeyName=test;SharedAccessKey=dGVzdA==" +
		";UseDevelopmentEmulator=true"
}

// Pipe returns the client's end of a connection to the broker without a port.
func (b *Broker) Pipe() net.Conn {
	client, server := net.Pipe()

	b.work.Go(func() { b.ServeConn(server) })

	return client
}

// ServeConn serves one client until either end closes.
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

// DropConnections closes every connection, like an outage.
func (b *Broker) DropConnections() {
	b.mu.Lock()
	defer b.mu.Unlock()

	for k := range b.conns {
		_ = k.net.Close()
	}
}

// Close closes all connections and listeners, and waits for their goroutines.
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

// Depth is the number of messages in a queue by state.
type Depth struct{ Ready, Locked, Scheduled, Deferred, Dead int }

// Depth counts the messages of a queue. A queue that does not exist is empty.
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
		Scheduled: len(e.timed) - len(e.locked),
		Deferred:  len(e.deferred),
	}
	if e.dead != nil {
		d.Dead = len(e.dead.ready) + len(e.dead.timed)
	}

	return d
}

// Log returns all accepted messages.
func (b *Broker) Log() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()

	return append([]Entry(nil), b.log...)
}

// DropLocks makes every locked message of a queue ready again, like a failover,
// and returns their number.
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
