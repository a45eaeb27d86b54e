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

// lost is a statement, or an answer, that the network swallowed.
var lost = state.Errorf(state.CodeUnavailable, "test", "the connection broke")

const never = 1 << 40

// slot is a place for processes: its pool lives through all that run in it.
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

// process is one life of a process: an engine under one lease.
type process struct {
	name  string // as its worker row's build
	m     *coremachine.Machine
	calls sync.WaitGroup // of Handle

	fuse  atomic.Int64 // statements, commits and answers until it dies
	flake atomic.Int64 // the same until one of them is lost
	died  chan struct{}
	dead  atomic.Bool

	hang    atomic.Pointer[gate]
	entered chan struct{}
}

// gate keeps handlers waiting; the deaf ones do not hear that they should stop.
type gate struct {
	open chan struct{}
	deaf bool
}

func (p *process) fault(string) error {
	if p.fuse.Add(-1) == 0 && !p.dead.Swap(true) {
		close(p.died)
	}

	if p.dead.Load() || p.flake.Add(-1) == 0 {
		return lost
	}

	return nil
}

// habits are what processes differ in.
type habits struct {
	budget     time.Duration // after it a bundle hands its rest back
	maxRunning int
	local      bool // it dispatches locally
}

func (w *world) drawHabits() habits {
	return habits{
		budget: rapid.SampledFrom([]time.Duration{20 * time.Millisecond, time.Nanosecond}).
			Draw(w.t, "budget"),
		maxRunning: rapid.SampledFrom([]int{4, 1, 2}).Draw(w.t, "max running"),
		local:      rapid.Bool().Draw(w.t, "local dispatch"),
	}
}

// born starts a process in a slot and waits until it has its lease.
func (w *world) born(s *slot, own habits) *process {
	w.births++
	p := &process{
		name:    fmt.Sprintf("life %d", w.births),
		died:    make(chan struct{}),
		entered: make(chan struct{}, 1),
	}
	p.fuse.Store(never)
	p.flake.Store(never)

	jobs := map[string]define.Job{}
	for i, spec := range w.specs {
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
		Lease:      2 * time.Hour,
		Renew:      time.Hour,
		Grace:      10 * time.Millisecond,
		Budget:     own.budget,
		Drain:      time.Millisecond,
	})
	if own.local {
		p.m.Chain()
	}

	s.now.Store(p)
	p.m.Start(context.Background())
	w.until("a process has its lease", p.m.Ready)

	return p
}

func (w *world) handler(p *process) func(context.Context, handlers.Task, input) (output, error) {
	return func(ctx context.Context, t handlers.Task, in input) (output, error) {
		w.mu.Lock()
		if w.banned == t.JobID {
			w.broken = fmt.Sprintf(
				"task %d of %s of job %s was started by a claim after its job was told to stop",
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
			if g.deaf {
				stop = nil
			}

			select {
			case <-g.open:
			case <-stop:
				return output{}, ctx.Err()
			}
		}

		return w.specs[typeNumber(t.JobType)].run(ctx, t, in, w.isHealed(ctx, t.JobID))
	}
}

// letGo opens the gate and waits until the handlers behind it are through, or
// the process has died of it.
func (p *process) letGo(w *world) {
	if g := p.hang.Swap(nil); g != nil {
		close(g.open)
	}

	through := make(chan struct{})

	go func() {
		p.calls.Wait()
		close(through)
	}()

	select {
	case <-through:
	case <-p.died:
	case <-time.After(patience):
		w.t.Fatalf("%s does not come to an end\n%s", p.name, stacks())
	}

	w.settle(p)
}

// settle waits for what a living process took from its own commits, unless its
// handlers hang.
func (w *world) settle(p *process) {
	if p.hang.Load() == nil {
		w.until(
			p.name+" has done what it took",
			func() bool { return p.m.InFlight() == 0 || p.dead.Load() || p.hang.Load() != nil },
		)
	}
}

// bury ends a process: a dead one is gone for the database at once, a living
// one puts back what it holds.
func (p *process) bury(w *world) {
	if p.dead.Load() {
		if g := p.hang.Swap(nil); g != nil {
			close(g.open)
		}
	} else {
		p.letGo(w)
	}

	limit, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	_ = p.m.Stop(limit) // a dead one cannot tell the database
	p.calls.Wait()

	select {
	case <-p.entered:
	default:
	}
}

// handle delivers a message to a process and returns when it was answered,
// hangs in a handler, or has killed the process.
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

		_ = p.m.Handle(context.Background(), m) // whatever it answers: the transport's part is the test's
	})

	limit := patience
	if p.hang.Load() != nil {
		limit = 50 * time.Millisecond // a task that lost workers before waits until it may run alone
	}

	select {
	case <-done:
	case <-p.entered:
	case <-p.died:
	case <-time.After(limit):
		if limit == patience {
			w.t.Fatalf("%s does not answer for %+v\n%s", p.name, m, stacks())
		}
	}
}

// patience is how long a step may take.
const patience = 20 * time.Second

func (w *world) until(what string, ok func() bool) {
	limit := time.Now().Add(patience)
	for tick := time.NewTicker(200 * time.Microsecond); !ok(); <-tick.C {
		if time.Now().After(limit) {
			w.t.Fatalf("gave up waiting until %s\n%s", what, stacks())
		}
	}
}

// stacks lists what the goroutines of the engine do, for a failure that no seed
// repeats.
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
