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
	// called after a commit that wrote messages; must not block; nil: nobody is
	// woken
	Wake func(state.Queue)
	// CollectDeadLetters notes on message rows what a transport of its own set aside, and
	// returns how much; nil: the rows are the transport.
	CollectDeadLetters func(context.Context) (int, error)

	JobEnded func(state.JobID) // called after a commit that ended a job; must not block; nil: nobody is told
	Observer Observer          // told of attempts; nil: nobody is told
	Build    string            // shown with the worker

	Retention  time.Duration // how long an ended job is kept; 0: for ever
	MaxQueued  int           // open jobs from which new runs are refused as busy; 0: no limit
	MaxRunning int           // handlers in flight at once; 0: 256
	SweepEvery time.Duration // interval of the fleet's sweeps; 0: SweepEvery
	Lease      time.Duration // 0: 15 s
	Renew      time.Duration // 0: 5 s
	Grace      time.Duration // between a cancel and giving up a deaf handler; 0: 5 s
	Budget     time.Duration // a bundle hands its unstarted rest back after it; 0: 1 s
	ParkFirst  time.Duration // a message that this build cannot work on waits at least so long; 0: 5 s
	ParkLimit  time.Duration // and fails after so long; 0: 1 h
	Drain      time.Duration // Stop lets handlers run on for it; 0: 10 s
	// a message that this process was fed waits for a slot so long before it is
	// deferred; 0: 2 min
	SlotWait time.Duration
	// for the process to be idle, before a task that lost two workers runs next
	// to others; 0: 30 s
	SuspectWait time.Duration

	// messages reach this process over a transport of its own, which drops a
	// message that it has seen before
	Relayed         bool
	MaxUnresponsive int // handlers given up and not returned: with more the process fails; 0: 64
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

// Stop lets running handlers end for the configured time, ends their contexts,
// and puts back what this process still holds. The caller stops receiving
// first.
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

// Ready tells whether the process holds a lease and so may claim work.
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

// wake tells whoever waits on the queues, and for the jobs, that a commit
// moved.
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
