package worktest

import (
	"context"
	"iter"
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/test/enginetest"
)

// Work is the only task type of the jobs in these tests. Each test supplies its
// own function.
const Work handlers.TaskType[In, Out] = "work"

// In is the input of a task.
type In struct {
	Value int `json:"value"`
}

// Out is the result of a task.
type Out struct {
	Value int `json:"value"`
}

// Params are the parameters of every job in these tests.
type Params struct {
	N    int  `json:"n"    default:"1" validate:"min=0,max=1000000"`
	Seed int  `json:"seed" default:"0"`
	Skip bool `json:"skip" default:"false"`
}

// Func is the body of a handler.
type Func func(ctx context.Context, t handlers.Task, in In) (Out, error)

// Echo returns its input.
func Echo(_ context.Context, _ handlers.Task, in In) (Out, error) { return Out(in), nil }

// HandlersOf returns the handlers of the jobs in these tests.
func HandlersOf(fn Func, opts ...handlers.Option) map[string]handlers.Handler {
	return map[string]handlers.Handler{string(Work): handlers.Func(fn, opts...)}
}

// Single has one task.
func Single() define.Tasks[Params] {
	return define.Single(Work, func(p Params) In { return In{p.Seed} })
}

// Dynamic has n tasks.
func Dynamic() define.Tasks[Params] {
	return define.Dynamic(Work, "n", func(_ Params, i int) In { return In{i} })
}

// Follow has a task for each task of the stage before it.
func Follow() define.Tasks[Params] {
	return define.MatchPrevious(Work, func(_ Params, i int) In { return In{i} })
}

// FanIn has one task that follows all tasks of the stages before it.
func FanIn() define.Tasks[Params] {
	return define.FanIn(Work, func(p Params) In { return In{p.Seed} })
}

// Spread plans as many tasks from a result as its value.
func Spread(from string) define.Tasks[Params] {
	return define.FanOut(Work, define.From(from, Work), func(_ Params, _ int, out Out) iter.Seq[In] {
		return func(yield func(In) bool) {
			for i := range out.Value {
				if !yield(In{i}) {
					return
				}
			}
		}
	})
}

// JobOf returns a job of the given stages, which tolerates no failure.
func JobOf(stages ...define.Stage[Params]) define.Job {
	return define.Define(define.Definition[Params]{Description: "a test", Stages: stages})
}

// Tolerant returns a job that tolerates all failures.
func Tolerant(stages ...define.Stage[Params]) define.Job {
	return define.Define(define.Definition[Params]{Description: "a test", Stages: stages, Tolerance: 1})
}

// Start starts engines in a schema that logs status changes, and checks the
// invariants when the test ends.
func Start(t *testing.T, o enginetest.Options) *enginetest.Engine {
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

// Query returns one number.
func Query(t *testing.T, e *enginetest.Engine, sql string, args ...any) (n int) {
	t.Helper()

	if err := e.Pool().QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}

	return n
}

// MustCount fails the test if a Query does not return want.
func MustCount(t *testing.T, e *enginetest.Engine, want int, sql string, args ...any) {
	t.Helper()

	if got := Query(t, e, sql, args...); got != want {
		t.Errorf("%s: %d, want %d", sql, got, want)
	}
}
