package model

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

// errLost is the error of a statement whose request or response was lost.
var errLost = state.Errorf(state.CodeUnavailable, "test", "the connection broke")

const never = 1 << 40

// slot is a place for successive processes, which share its pool.
type slot struct {
	repo *repo.Repo
	now  atomic.Pointer[process]
}

func (s *slot) fault(point string) error {
	if p := s.now.Load(); p != nil {
		return p.fault(point)
	}

	return nil
}

// process is the lifetime of a process: an engine under one lease.
type process struct {
	name  string // stored as the build of its worker row
	build int    // which declarations it has
	m     *coremachine.Machine
	calls sync.WaitGroup // calls of Handle

	fuse  atomic.Int64 // statements, commits and responses until the process dies
	flake atomic.Int64 // statements, commits and responses until one is lost
	died  chan struct{}
	dead  atomic.Bool

	hang    atomic.Pointer[gate]
	entered chan struct{}
}

// gate blocks handlers. Unresponsive handlers ignore their context.
type gate struct {
	open         chan struct{}
	unresponsive bool
}

func (p *process) fault(string) error {
	if p.fuse.Add(-1) == 0 && !p.dead.Swap(true) {
		close(p.died)
	}

	if p.dead.Load() || p.flake.Add(-1) == 0 {
		return errLost
	}

	return nil
}

// settings are the settings in which processes differ.
type settings struct {
	budget     time.Duration // time after which a bundle splits off its rest
	slotWait   time.Duration // time that a message waits for a slot, without local dispatch
	maxRunning int
	build      int
	local      bool // local dispatch is enabled
}

func (w *world) drawSettings() settings {
	return settings{
		budget: rapid.SampledFrom([]time.Duration{20 * time.Millisecond, time.Nanosecond}).
			Draw(w.t, "budget"),
		slotWait:   rapid.SampledFrom([]time.Duration{time.Millisecond, patience}).Draw(w.t, "slot wait"),
		maxRunning: rapid.SampledFrom([]int{4, 1, 2}).Draw(w.t, "max running"),
		build:      (w.started + rapid.IntRange(0, builds-1).Draw(w.t, "build")) % builds,
		local:      rapid.Bool().Draw(w.t, "local dispatch"),
	}
}

// start starts a process in a slot and waits until it has its lease.
func (w *world) start(s *slot, own settings) *process {
	w.started++
	p := &process{
		name:    fmt.Sprintf("life %d", w.started),
		build:   own.build,
		died:    make(chan struct{}),
		entered: make(chan struct{}, 1),
	}
	p.fuse.Store(never)
	p.flake.Store(never)

	jobs := map[string]define.Job{}
	for i, spec := range w.specs[own.build] {
		jobs[typeName(i)] = spec.define()
	}

	p.m = coremachine.New(coremachine.Config{
		Jobs: jobs,
		Handlers: map[string]handlers.Handler{
			string(work): handlers.Func(w.handler(p), handlers.Attempts(tries), handlers.Base(0)),
			string(emits): handlers.Func(
				w.handler(p),
				handlers.Attempts(tries),
				handlers.Base(0),
				handlers.Emits[output](),
			),
		},
		Store:      s.repo,
		Log:        slog.New(slog.DiscardHandler),
		Build:      p.name,
		MaxRunning: own.maxRunning,
		SlotWait:   own.slotWait,
		Lease:      2 * time.Hour,
		Renew:      time.Hour,
		Grace:      10 * time.Millisecond,
		Budget:     own.budget,
		Drain:      time.Millisecond,
	})
	if own.local {
		p.m.EnableLocalDispatch()
	}

	s.now.Store(p)
	p.m.Start(context.Background())
	w.until("a process has its lease", p.m.Ready)

	return p
}

func (w *world) handler(p *process) func(context.Context, handlers.Task, input) (output, error) {
	return func(ctx context.Context, t handlers.Task, in input) (output, error) {
		w.mu.Lock()
		if w.banned == t.JobID && handlers.Outcome(t).Status == "" { // finally stages run after a cancel
			w.broken = fmt.Sprintf(
				"task %d of %s of job %s was started by a claim after its job was cancelled",
				t.Index,
				t.Stage,
				t.JobID.Short(),
			)
		}
		w.mu.Unlock()

		if g := p.hang.Load(); g != nil {
			select {
			case p.entered <- struct{}{}:
			default:
			}

			stop := ctx.Done()
			if g.unresponsive {
				stop = nil
			}

			select {
			case <-g.open:
			case <-stop:
				return output{}, ctx.Err()
			}
		}

		return w.specs[p.build][typeNumber(t.JobType)].run(ctx, t, in, w.isHealed(ctx, t.JobID))
	}
}

// unblock opens the gate and waits until the handlers behind it have returned
// or the process has died.
func (p *process) unblock(w *world) {
	if g := p.hang.Swap(nil); g != nil {
		close(g.open)
	}

	returned := make(chan struct{})

	go func() {
		p.calls.Wait()
		close(returned)
	}()

	select {
	case <-returned:
	case <-p.died:
	case <-time.After(patience):
		w.t.Fatalf("the handlers of %s did not return\n%s", p.name, stacks())
	}

	w.settle(p)
}

// settle waits for the work that a living process continued locally after its
// own commits, unless its handlers hang.
func (w *world) settle(p *process) {
	if p.hang.Load() == nil {
		w.until(
			p.name+" has no work in flight",
			func() bool { return p.m.InFlight() == 0 || p.dead.Load() || p.hang.Load() != nil },
		)
	}
}

// stop ends a process. A dead process only releases its goroutines. A living
// one shuts down gracefully and releases its messages.
func (p *process) stop(w *world) {
	if p.dead.Load() {
		if g := p.hang.Swap(nil); g != nil {
			close(g.open)
		}
	} else {
		p.unblock(w)
	}

	limit, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	_ = p.m.Stop(limit) // a dead process cannot reach the database
	p.calls.Wait()

	select {
	case <-p.entered:
	default:
	}
}

// handle delivers a message to a process. It returns when the process has
// responded, hangs in a handler, or has died.
func (w *world) handle(p *process, m state.Message) {
	w.mu.Lock()

	w.banned = state.JobID{}
	if j, ok := w.jobs[m.JobID]; ok && j.stopped {
		w.banned = m.JobID
	}
	w.mu.Unlock()

	done := make(chan struct{})

	p.calls.Go(func() {
		defer close(done)

		_ = p.m.Handle(context.Background(), m) // the test ignores the response, since it is the transport
	})

	limit := patience
	if p.hang.Load() != nil {
		limit = 50 * time.Millisecond // a suspect task waits until it can run alone
	}

	select {
	case <-done:
	case <-p.entered:
	case <-p.died:
	case <-time.After(limit):
		if limit == patience {
			w.t.Fatalf("%s did not respond to %+v\n%s", p.name, m, stacks())
		}
	}
}

// patience is the maximum time of a step.
const patience = time.Minute

func (w *world) until(what string, ok func() bool) {
	limit := time.Now().Add(patience)
	for tick := time.NewTicker(200 * time.Microsecond); !ok(); <-tick.C {
		if time.Now().After(limit) {
			w.t.Fatalf("timed out waiting until %s\n%s", what, stacks())
		}
	}
}

// stacks returns the stacks of the engine's goroutines, for failures that a
// seed does not reproduce.
func stacks() string {
	all := make([]byte, 8<<20)
	all = all[:runtime.Stack(all, true)]

	var of []string

	for one := range strings.SplitSeq(string(all), "\n\n") {
		if strings.Contains(one, "coremachine.") {
			of = append(of, one)
		}
	}

	return strings.Join(of, "\n\n")
}
