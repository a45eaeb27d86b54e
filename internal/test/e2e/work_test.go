package e2e_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// work is the only task type of the jobs in these tests. Each test supplies its
// own function.
const work handlers.TaskType[workIn, workOut] = "work"

type workIn struct {
	Value int `json:"value"`
}

type workOut struct {
	Value int `json:"value"`
}

// params are the parameters of every job in these tests.
type params struct {
	N    int  `json:"n"    default:"1" validate:"min=0,max=1000000"`
	Seed int  `json:"seed" default:"0"`
	Skip bool `json:"skip" default:"false"`
}

type workFunc func(ctx context.Context, t handlers.Task, in workIn) (workOut, error)

// echo returns its input.
func echo(_ context.Context, _ handlers.Task, in workIn) (workOut, error) { return workOut(in), nil }

func handlersOf(fn workFunc, opts ...handlers.Option) map[string]handlers.Handler {
	return map[string]handlers.Handler{string(work): handlers.Func(fn, opts...)}
}

// Kinds of stages over work.
func single() define.Tasks[params] {
	return define.Single(work, func(p params) workIn { return workIn{p.Seed} })
}

func dynamic() define.Tasks[params] {
	return define.Dynamic(work, "n", func(_ params, i int) workIn { return workIn{i} })
}

func follow() define.Tasks[params] {
	return define.MatchPrevious(work, func(_ params, i int) workIn { return workIn{i} })
}

func fanIn() define.Tasks[params] {
	return define.FanIn(work, func(p params) workIn { return workIn{p.Seed} })
}

// spread plans as many tasks from a result as its value.
func spread(from string) define.Tasks[params] {
	return define.FanOut(work, define.From(from, work), func(_ params, _ int, out workOut) iter.Seq[workIn] {
		return func(yield func(workIn) bool) {
			for i := range out.Value {
				if !yield(workIn{i}) {
					return
				}
			}
		}
	})
}

func jobOf(stages ...define.Stage[params]) define.Job {
	return define.Define(define.Definition[params]{Description: "a test", Stages: stages})
}

// tolerant returns a job that tolerates all failures.
func tolerant(stages ...define.Stage[params]) define.Job {
	return define.Define(define.Definition[params]{Description: "a test", Stages: stages, Tolerance: 1})
}

// start starts engines in a schema that logs status changes, and checks the
// invariants when the test ends.
func start(t *testing.T, o enginetest.Options) *enginetest.Engine {
	t.Helper()
	e := enginetest.Start(t, o)
	e.Audit()
	t.Cleanup(func() {
		if !t.Failed() {
			e.MustSatisfyInvariants()
		}
	})

	return e
}

// query returns one number.
func query(t *testing.T, e *enginetest.Engine, sql string, args ...any) (n int) {
	t.Helper()

	if err := e.Pool().QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}

	return n
}

// mustCount fails the test if a query does not return want.
func mustCount(t *testing.T, e *enginetest.Engine, want int, sql string, args ...any) {
	t.Helper()

	if got := query(t, e, sql, args...); got != want {
		t.Errorf("%s: %d, want %d", sql, got, want)
	}
}

// meeting makes the callers of one key wait for each other, until n callers
// have arrived or the wait has timed out.
type meeting struct {
	mu   sync.Mutex
	open map[state.JobID]*party
	met  int
}

type party struct {
	came int
	all  chan struct{} // closed when all have arrived
	left chan struct{} // closed when one has timed out
	once sync.Once
}

func (m *meeting) wait(ctx context.Context, id state.JobID, n int) {
	m.mu.Lock()
	if m.open == nil {
		m.open = map[state.JobID]*party{}
	}

	p, ok := m.open[id]
	if !ok {
		p = &party{all: make(chan struct{}), left: make(chan struct{})}
		m.open[id] = p
	}

	if p.came++; p.came == n {
		close(p.all)

		select {
		case <-p.left: // one of them has continued alone
		default:
			m.met++
		}
	}
	m.mu.Unlock()

	limit, cancel := context.WithTimeout(ctx, 200*time.Millisecond) // the other task may not get a slot
	defer cancel()

	select {
	case <-p.all:
	case <-limit.Done():
		p.once.Do(func() { close(p.left) })
	}
}
