package coremachine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// Config makes a Machine. Jobs, Handlers, Store and Log are required.
type Config struct {
	Jobs     map[string]define.Job
	Handlers map[string]handlers.Handler
	Deps     handlers.Deps
	Store    Store
	Log      *slog.Logger

	// Wake notifies the workers of a queue. The machine calls it after a commit
	// that wrote messages. It must not block. If it is nil, the machine notifies
	// no workers.
	Wake func(state.Queue)
	// CollectDeadLetters marks the message rows of the dead letters of a relayed
	// transport and returns their number. If it is nil, the rows are the
	// transport.
	CollectDeadLetters func(context.Context) (int, error)
	// JobEnded notifies the waiters of a job. The machine calls it after a commit
	// that ended the job. It must not block. It can be nil.
	JobEnded func(state.JobID)
	// Observer receives the attempts. It can be nil.
	Observer Observer
	// Build is the version that operators see next to the worker.
	Build string

	// Retention is how long the sweep keeps an ended job. 0 means forever.
	Retention time.Duration
	// MaxQueued is the number of open jobs from which the machine refuses new
	// runs as busy. 0 means no limit.
	MaxQueued int
	// MaxRunning is the maximum number of concurrent handlers. The default is
	// 256.
	MaxRunning int
	// SweepEvery is the interval of the fleet's sweeps. The default is the
	// constant SweepEvery.
	SweepEvery time.Duration
	// Lease is the duration of the process's lease. The default is 15 s.
	Lease time.Duration
	// Renew is the interval of renewals of the lease. The default is 5 s.
	Renew time.Duration
	// Grace is how long a cancelled job waits for an unresponsive handler before
	// the machine ends the task without it. The default is 5 s.
	Grace time.Duration
	// Budget is the time after which a bundle that waits for slots releases its
	// unstarted tasks. The default is 1 s.
	Budget time.Duration
	// ParkFirst is the minimum time that a message waits if this build does not
	// know its work. The default is 5 s.
	ParkFirst time.Duration
	// ParkLimit is the time after which such a message fails. The default is 1 h.
	ParkLimit time.Duration
	// Drain is how long Stop waits for running handlers. The default is 10 s.
	Drain time.Duration
	// SlotWait is how long a received message waits for a slot before the machine
	// defers it. The default is 2 min.
	SlotWait time.Duration
	// SuspectWait is how long a task that lost two workers waits for the process
	// to be idle. After that, the task runs next to others. The default is 30 s.
	SuspectWait time.Duration

	// Relayed means that messages reach this process over a transport of its own,
	// which drops a message that it has seen before.
	Relayed bool
	// MaxUnresponsive is the maximum number of abandoned handlers that did not
	// return. With more, the process fails. The default is 64.
	MaxUnresponsive int
}

func (c *Config) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.SweepEvery, SweepEvery)
	set(&c.Lease, 15*time.Second)
	set(&c.Renew, 5*time.Second)
	set(&c.Grace, 5*time.Second)
	set(&c.Budget, time.Second)
	set(&c.ParkFirst, parkFirst)
	set(&c.ParkLimit, parkLimit)
	set(&c.Drain, 10*time.Second)
	set(&c.SlotWait, 2*time.Minute)
	set(&c.SuspectWait, 30*time.Second)

	if c.MaxUnresponsive == 0 {
		c.MaxUnresponsive = 64
	}

	if c.MaxRunning == 0 {
		c.MaxRunning = 256
	}

	if c.Wake == nil {
		c.Wake = func(state.Queue) {}
	}

	if c.JobEnded == nil {
		c.JobEnded = func(state.JobID) {}
	}
}

// Machine is the engine of one process. Start gives it a lease; until it has
// one it claims nothing.
type Machine struct {
	cfg   Config
	store Store
	log   *slog.Logger
	slots *slots

	session      atomic.Pointer[session]
	submits      atomic.Pointer[batcher[state.JobSpec, submitAnswer]] // nil before Start
	stop         context.CancelCauseFunc
	loops        sync.WaitGroup
	work         sync.WaitGroup
	unresponsive atomic.Int64
	running      atomic.Int64
	durations    durations
	pool         pool
	commits      commitSize
	chain        atomic.Bool
	parked       *parked
	suspect      atomic.Bool   // a task that may be what kills processes waits or runs here
	failed       chan struct{} // closed when too many handlers did not return
	fail         sync.Once
}

// Reasons why a handler's context ended.
var (
	errLeaseLost = errors.New("the lease of this process ended")
	errShutdown  = errors.New("this process is shutting down")
	errCancelled = errors.New("the job was cancelled")
	errDeadline  = errors.New("the attempt passed its deadline")
)

// errExited is how an attempt ends whose handler ended its goroutine.
var errExited = errors.New(
	"the handler called runtime.Goexit instead of returning (FailNow of a test does so)",
)

// New makes a Machine that does nothing yet.
func New(cfg Config) *Machine {
	cfg.defaults()
	m := &Machine{
		cfg:    cfg,
		store:  cfg.Store,
		log:    cfg.Log,
		slots:  newSlots(cfg.MaxRunning),
		failed: make(chan struct{}),
	}
	m.parked = newParked()
	m.pool = newPool(m.guard)

	return m
}

// Start opens a lease as soon as the database is there, and renews it until
// Stop. It does not wait.
func (m *Machine) Start(ctx context.Context) {
	ctx, m.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	limit := batchLimit[state.JobSpec]{
		most:  submitBatch,
		bytes: func(g state.JobSpec) int { return len(g.Params) },
	}
	submits := startLimited(
		ctx,
		flushers,
		limit,
		func(ctx context.Context, batch []state.JobSpec) ([]submitAnswer, error) {
			return m.flushSubmits(ctx, batch), nil
		},
	)
	m.submits.Store(submits)
	m.loops.Go(submits.wg.Wait)
	m.loops.Go(func() { m.keepRunning(ctx, "coremachine.keepLease", func() { m.keepLease(ctx) }) })
	m.loops.Go(func() { m.keepRunning(ctx, "coremachine.reclaimExpired", func() { m.reclaimExpired(ctx) }) })
}

// Stop waits for running handlers for the configured time, ends their contexts,
// and requeues the messages that this process still holds. The caller must stop
// receiving messages before it calls Stop.
func (m *Machine) Stop(ctx context.Context) error {
	if m.stop == nil {
		return nil
	}

	if s := m.session.Load(); s != nil {
		s.closeIntake()
	}

	drain, cancel := context.WithTimeout(ctx, m.cfg.Drain)
	defer cancel()

	m.wait(drain)

	m.stop(errShutdown)
	defer m.pool.close()

	end, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()

	m.wait(end)
	m.loops.Wait()

	s := m.session.Swap(nil)
	if s == nil {
		return nil
	}

	s.term.stop()
	s.end(errShutdown)
	s.wait()

	effects, err := m.store.ReleaseWorker(ctx, s.worker)
	if err == nil {
		m.wake(effects)
	}

	return err
}

func (m *Machine) wait(ctx context.Context) {
	done := make(chan struct{})

	go func() {
		m.work.Wait()
		close(done)
	}()

	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Ready reports whether the process holds a lease and so may claim work.
func (m *Machine) Ready() bool {
	s := m.session.Load()
	return s != nil && s.ctx.Err() == nil
}

// Running is how many handlers run now, and Deaf how many did not return when
// their context ended and were given up.
func (m *Machine) Running() int { return int(m.running.Load()) }

// Unresponsive is how many handlers were given up and have not returned yet.
func (m *Machine) Unresponsive() int { return int(m.unresponsive.Load()) }

// InFlight is how many messages this process works on, whether they were
// delivered or taken from a commit of its own.
func (m *Machine) InFlight() int {
	s := m.session.Load()
	if s == nil {
		return 0
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	return len(s.inFlight)
}

// wake notifies the waiters of the queues and of the jobs that a commit changed.
func (m *Machine) wake(effects state.TransitionEffects) {
	m.guard("coremachine.wake", func() {
		for i, due := range effects.Queues {
			if due {
				m.cfg.Wake(state.Queue(i + 1))
			}
		}

		for _, id := range effects.Jobs {
			m.cfg.JobEnded(id)
		}
	})
}
