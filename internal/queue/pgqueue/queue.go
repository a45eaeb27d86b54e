package pgqueue

import (
	"context"
	"crypto/rand"
	"embed"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/database"
	"coremachine/internal/queue"
	"coremachine/internal/state"
)

//go:embed queries/*.sql
var queries embed.FS

func sqlText(name string) string {
	b, err := queries.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic("pgqueue: no statement " + name)
	}

	return string(b)
}

var (
	receiveSQL    = sqlText("receive")
	nextDueSQL    = sqlText("next_due")
	completeSQL   = sqlText("complete")
	abandonSQL    = sqlText("abandon")
	renewSQL      = sqlText("renew")
	deadLetterSQL = sqlText("dead_letter")
	peekDeadSQL   = sqlText("peek_dead")
	redriveSQL    = sqlText("redrive")
	redriveOnly   = sqlText("redrive_only")
	markDeadSQL   = sqlText("mark_dead")
)

// Hot returns the statements that each message needs, so that a pool can plan
// them in advance. With NULL for every parameter they find nothing.
func Hot() []string { return []string{receiveSQL, nextDueSQL, completeSQL} }

// Options configures a Queue. The zero value is the production setting.
type Options struct {
	// Lock is how long a delivery stays locked. Zero means 1 min.
	Lock time.Duration
	// MaxDeliveries limits the deliveries of a message. After them it is
	// dead-lettered. Zero means 100.
	MaxDeliveries int
	// Poll limits how long an idle receiver sleeps. Zero means 1 s.
	Poll time.Duration
	// Log can be nil.
	Log *slog.Logger
}

// Queue is the transport over one database schema. Close ends its listener and
// its receivers.
type Queue struct {
	pool *database.DB
	opts Options
	log  *slog.Logger
	// senderID identifies the notifications of this Queue.
	senderID string

	mu        sync.Mutex
	receivers map[*receiver]struct{}
	// notify holds, for each queue minus 1, whether a NOTIFY is due.
	notify [3]chan struct{}

	ctx    context.Context
	cancel context.CancelFunc
	loops  sync.WaitGroup

	listening sync.Once
	acks      acks
}

// New creates a Queue on a pool of the caller. It does not connect.
func New(pool *pgxpool.Pool, o Options) *Queue { return Over(database.New(pool), o) }

// Over creates a Queue on a database, possibly behind a pooler.
func Over(pool *database.DB, o Options) *Queue {
	if o.Lock == 0 {
		o.Lock = time.Minute
	}
	if o.MaxDeliveries == 0 {
		o.MaxDeliveries = 100
	}

	if o.Poll == 0 {
		o.Poll = time.Second
	}

	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}

	q := &Queue{pool: pool, opts: o, log: o.Log, senderID: rand.Text(), receivers: map[*receiver]struct{}{}}

	q.ctx, q.cancel = context.WithCancel(context.Background())
	for i := range q.notify {
		q.notify[i] = make(chan struct{}, 1)
		q.loops.Go(func() { q.notifyLoop(state.Queue(i + 1)) })
	}

	return q
}

// Close ends the listener and every Receive. Deliveries in flight can still be
// settled.
func (q *Queue) Close() {
	q.cancel()
	q.loops.Wait()
}

// Receiver returns a receiver of one queue. The first call starts the listener,
// because a process that only sends does not need it.
func (q *Queue) Receiver(name state.Queue) queue.Receiver {
	q.listening.Do(func() { q.loops.Go(q.listen) })
	r := &receiver{q: q, queue: name, wake: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(q.ctx)
	q.mu.Lock()
	q.receivers[r] = struct{}{}
	q.mu.Unlock()

	return r
}

// Wake wakes the receivers of a queue: those of this process immediately and
// those of others by NOTIFY. Call it after a commit that left a due row. It
// does not block.
func (q *Queue) Wake(name state.Queue) {
	q.wakeLocal(name)

	select {
	case q.notify[name-1] <- struct{}{}:
	default:
	}
}

func (q *Queue) wakeLocal(name state.Queue) { q.eachReceiver(name, (*receiver).wakeUp) }

// onNotify wakes receivers of this process after the NOTIFY of another process.
func (q *Queue) onNotify(name state.Queue) {
	q.eachReceiver(name, func(r *receiver) { r.damping.onNotify(r.wakeUp) })
}

func (q *Queue) eachReceiver(name state.Queue, do func(*receiver)) {
	q.mu.Lock()
	defer q.mu.Unlock()

	for r := range q.receivers {
		if r.queue == name {
			do(r)
		}
	}
}
