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

// Hot are the statements that each message needs, for a pool that has them
// planned beforehand: NULL for every parameter finds nothing.
func Hot() []string { return []string{receiveSQL, nextDueSQL, completeSQL} }

// Options change a Queue's limits; the zero value is the production setting.
type Options struct {
	Lock          time.Duration // how long a delivery is locked; 0: 1 min
	MaxDeliveries int           // one more sets the message aside; 0: 100
	Poll          time.Duration // how long an idle receiver sleeps at most; 0: 1 s
	Log           *slog.Logger  // nil: none
}

// Queue is the transport over one database schema. Close ends its listener and
// its receivers.
type Queue struct {
	pool   *database.DB
	opts   Options
	log    *slog.Logger
	teller string // of what this queue's process has told

	mu      sync.Mutex
	waiting map[*receiver]struct{}
	notify  [3]chan struct{} // by queue-1: a commit waits to be told to other processes

	ctx    context.Context
	cancel context.CancelFunc
	loops  sync.WaitGroup

	listening sync.Once
	acks      acks
}

// New makes a Queue over the pool of another. It does not wait for the
// database.
func New(pool *pgxpool.Pool, o Options) *Queue { return Over(database.New(pool), o) }

// Over makes a Queue over a database, which may lie behind a pooler.
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

	q := &Queue{pool: pool, opts: o, log: o.Log, teller: rand.Text(), waiting: map[*receiver]struct{}{}}

	q.ctx, q.cancel = context.WithCancel(context.Background())
	for i := range q.notify {
		q.notify[i] = make(chan struct{}, 1)
		q.loops.Go(func() { q.tell(state.Queue(i + 1)) })
	}

	return q
}

// Close ends the listener and every receiver's Receive. Deliveries in hand can
// still be settled.
func (q *Queue) Close() {
	q.cancel()
	q.loops.Wait()
}

// Receiver takes deliveries from one queue. The first one starts the listener:
// a process that only sends needs none.
func (q *Queue) Receiver(name state.Queue) queue.Receiver {
	q.listening.Do(func() { q.loops.Go(q.listen) })
	r := &receiver{q: q, queue: name, wake: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(q.ctx)
	q.mu.Lock()
	q.waiting[r] = struct{}{}
	q.mu.Unlock()

	return r
}

// Wake tells receivers, of this process at once and of others by NOTIFY, that a
// commit left something due in a queue. Call it after the commit; it does not
// block.
func (q *Queue) Wake(name state.Queue) {
	q.wakeLocal(name)

	select {
	case q.notify[name-1] <- struct{}{}:
	default: // a NOTIFY is on its way and will be sent after this
	}
}

func (q *Queue) wakeLocal(name state.Queue) { q.each(name, (*receiver).rouse) }

// hear wakes receivers of this process because another has told of something.
func (q *Queue) hear(name state.Queue) {
	q.each(name, func(r *receiver) { r.lazy.hear(r.rouse) })
}

func (q *Queue) each(name state.Queue, do func(*receiver)) {
	q.mu.Lock()
	defer q.mu.Unlock()

	for r := range q.waiting {
		if r.queue == name {
			do(r)
		}
	}
}
