package coremachine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"coremachine/internal/state"

	"github.com/google/uuid"
)

// WorkerReleaser ends a lease and releases what its worker has claimed.
type WorkerReleaser interface {
	ReleaseWorker(ctx context.Context, worker uuid.UUID) (state.TransitionEffects, error)
}

// Machine is the engine of one process. Start gives it a lease; until it has
// one it claims nothing.
type Machine struct {
	cfg   Config
	store Store
	log   *slog.Logger
	slots *slots
	types func() []JobType // computed once

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
	receives     atomic.Bool // this process receives messages itself
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
	m.types = sync.OnceValue(m.listTypes)
	m.parked = newParked()
	m.pool = newPool(m.guard, !cfg.DisableShortTasks)
	m.durations.disabled = cfg.DisableShortTasks

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
	m.loops.Go(func() { m.keepRunning(ctx, "coremachine.keepSchedules", func() { m.keepSchedules(ctx) }) })
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

// Running returns the number of handlers that have not returned, abandoned ones
// included.
func (m *Machine) Running() int { return int(m.running.Load()) }

// Unresponsive returns the number of abandoned handlers that have not returned.
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
