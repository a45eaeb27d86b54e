package enginetest

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// Options configures what to run. Jobs and Handlers are required.
type Options struct {
	Jobs      map[string]define.Job
	Handlers  map[string]handlers.Handler
	Schedules map[string]define.Schedule // nil: none
	Deps      handlers.Deps
	Processes int      // number of pools, engines and receivers; 0: 1
	InFlight  int      // maximum messages of a queue in flight per process; 0: 32
	Conns     int32    // connections per pool; 0: 4
	Dispatch  Dispatch // "": the mode of the InBothModes subtest, or Queue, as in Azure
	NoLease   bool     // Start does not wait for the leases, since the test prevents them
	Config    func(*coremachine.Config)
	Chunk     int // maximum tasks per statement of a retry expansion; 0: as in production
	Fault     repo.Fault
	FaultOf   func(process int) repo.Fault // replaces Fault
	URL       string                       // an existing schema; "": a fresh one
	Pooled    bool                         // connect to a fresh schema through PgBouncer
	Connect   func(*pgx.ConnConfig)        // modifies the configuration of the engine's connections; nil: none
	Log       *slog.Logger                 // nil: none
}

// Engine simulates one or more processes over one schema.
type Engine struct {
	t     testing.TB
	url   string
	procs []*Process

	audited bool // the schema logs status changes

	mu    sync.Mutex
	ended map[state.JobID]chan struct{}
}

// Process is one engine with its own pool, lease and receivers.
type Process struct {
	Repo    *repo.Repo
	Machine *coremachine.Machine
	Queue   *pgqueue.Queue
	stop    context.CancelFunc
	serving sync.WaitGroup
	once    sync.Once
}

// waitLimit returns the maximum time of a job, long enough for a slow machine
// under the race detector.
func (e *Engine) waitLimit() time.Duration { return pgtest.Patience(e.t, 3*time.Minute) }

// Start checks the registries like a process does, and starts the engine.
// Everything stops with the test.
func Start(t testing.TB, o Options) *Engine {
	t.Helper()

	if o.Deps.Blobs == nil {
		o.Deps.Blobs = handlers.NoBlobs{}
	}

	if problems := define.Check(o.Jobs, o.Handlers, o.Deps, 0); len(problems) > 0 {
		t.Fatalf("the registries are inconsistent: %q", problems)
	}

	if problems := define.CheckSchedules(o.Schedules, o.Jobs); len(problems) > 0 {
		t.Fatalf("the schedules are inconsistent: %q", problems)
	}

	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}

	if o.URL == "" {
		o.URL = fresh(t, o.Pooled)
	}

	o.Dispatch = cmp.Or(o.Dispatch, DispatchOf(t), Queue)

	e := &Engine{t: t, url: o.URL, ended: map[state.JobID]chan struct{}{}}
	for i := range max(1, o.Processes) {
		if o.FaultOf != nil {
			o.Fault = o.FaultOf(i)
		}

		e.procs = append(e.procs, e.start(o))
	}

	for _, p := range e.procs {
		if !o.NoLease {
			e.waitForLease(p)
		}

		e.serve(p, cmp.Or(o.InFlight, 32), o.Log)
	}

	return e
}

// PoolerEnv names the environment variable that makes every engine with a fresh
// schema connect through PgBouncer.
const PoolerEnv = "TEST_POOLER"

func fresh(t testing.TB, pooled bool) string {
	t.Helper()

	if !pooled && os.Getenv(PoolerEnv) == "" {
		return pgtest.URL(t)
	}

	through, _ := pgtest.Pooled(t)

	return through
}

func (e *Engine) start(o Options) *Process {
	e.t.Helper()

	rc := repo.Config{URL: e.url, MaxConns: cmp.Or(o.Conns, 4), RetryChunk: o.Chunk, Fault: o.Fault}
	if o.Connect != nil {
		rc.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
			o.Connect(c)
			return nil
		}
	}

	r, err := repo.Open(context.Background(), rc)
	if err != nil {
		e.t.Fatal(err)
	}
	// The pool detects here whether a pooler is present. A test may have made
	// the database unavailable, so the error is ignored.
	_ = r.Ping(e.t.Context())
	p := &Process{Repo: r, stop: func() {}, Queue: pgqueue.Over(r.Database(), pgqueue.Options{Log: o.Log})}

	cfg := coremachine.Config{
		Jobs:      o.Jobs,
		Handlers:  o.Handlers,
		Schedules: o.Schedules,
		Deps:      o.Deps,
		Store:     r,
		Log:       o.Log,
		Wake:      p.Queue.Wake,
		JobEnded:  e.jobEnded,
		Build:     "test",
	}
	if o.Config != nil {
		o.Config(&cfg)
	}

	p.Machine = coremachine.New(cfg)
	if o.Dispatch == Local {
		p.Machine.EnableLocalDispatch()
	}

	p.Machine.Start(context.Background())
	e.t.Cleanup(p.Stop)

	return p
}

// waitForLease returns when a process may claim work. Until then Handle rejects
// every message.
func (e *Engine) waitForLease(p *Process) {
	e.t.Helper()

	most := e.waitLimit()

	limit := time.NewTimer(most)
	defer limit.Stop()

	look := time.NewTicker(time.Millisecond)
	defer look.Stop()

	for !p.Machine.Ready() {
		select {
		case <-look.C:
		case <-limit.C:
			e.t.Fatalf("a process has no lease after %s", most)
		}
	}
}

// serve receives from every queue until the process stops.
func (e *Engine) serve(p *Process, inFlight int, log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())

	p.stop = cancel
	for _, name := range state.Queues {
		recv := p.Queue.Receiver(name)
		p.serving.Go(func() { queue.Serve(ctx, recv, inFlight, p.Machine.Room(name), log, p.Machine.Handle) })
	}
}

// StopReceiving stops receiving messages. Messages in flight continue.
func (p *Process) StopReceiving() { p.stop() }

// Stop shuts down the process gracefully. It releases the messages that it has
// claimed.
func (p *Process) Stop() {
	p.once.Do(func() {
		p.stop()

		limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()

		_ = p.Machine.Stop(limit) // fails if a test has made the database unavailable
		p.serving.Wait()
		p.Queue.Close()
		p.Repo.Close()
	})
}

// Process returns the i-th process.
func (e *Engine) Process(i int) *Process { return e.procs[i] }

// Processes returns the number of processes.
func (e *Engine) Processes() int { return len(e.procs) }

// Pool returns the pool of the first process, for reading the schema.
func (e *Engine) Pool() *pgxpool.Pool { return e.procs[0].Repo.Pool() }

// URL returns the address of the schema.
func (e *Engine) URL() string { return e.url }

func (e *Engine) jobEnded(id state.JobID) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if c, ok := e.ended[id]; ok {
		close(c)
		delete(e.ended, id)
	}
}

// Submit submits a job through the first process. The parameters are JSON.
func (e *Engine) Submit(jobType, params string) state.JobID {
	e.t.Helper()

	res, err := e.procs[0].Machine.Submit(
		e.t.Context(),
		coremachine.SubmitRequest{Type: jobType, Body: []byte(params)},
	)
	if err != nil {
		e.t.Fatalf("submit %s %s: %v", jobType, params, err)
	}

	return res.JobID
}

// Run submits a job and waits for its end.
func (e *Engine) Run(jobType, params string) Job {
	e.t.Helper()
	return e.Wait(e.Submit(jobType, params))
}

// Wait waits until a job has ended and reads it.
func (e *Engine) Wait(id state.JobID) Job {
	e.t.Helper()

	most := e.waitLimit()

	limit, cancel := context.WithTimeout(e.t.Context(), most)
	defer cancel()

	for {
		e.mu.Lock()

		c, ok := e.ended[id]
		if !ok {
			c = make(chan struct{})
			e.ended[id] = c
		}
		e.mu.Unlock()

		if j := e.Read(id); j.Status.Ended() {
			return j
		}

		again := time.NewTimer(time.Second) // the process that ended the job may be gone
		select {
		case <-c:
		case <-again.C:
		case <-limit.Done():
			j := e.Read(id)
			j.Errors = e.errors(id)
			e.t.Fatalf("not ended within %s: %s", most, j)
		}

		again.Stop()
	}
}
