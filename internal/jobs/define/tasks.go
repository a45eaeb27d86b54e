package define

import (
	"iter"
	"reflect"

	"github.com/go-json-experiment/json"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// Tasks says how many tasks a stage of a job with parameters P has, and what each is made from.
type Tasks[P any] struct {
	taskType string
	kind     state.Parallelism
	in, out  reflect.Type
	tasks
}

// tasks is Tasks with its types erased.
type tasks struct {
	param     string // dynamic: the parameter that counts
	source    string // fan_out: the stage that it is planned from
	sourceOut reflect.Type
	fromParts bool
	input     func(p any, index int) any
	fanOut    func(p any, index int, result []byte) iter.Seq2[[]byte, error]
}

func newTasks[P, In, Out any](t handlers.TaskType[In, Out], kind state.Parallelism) Tasks[P] {
	return Tasks[P]{taskType: string(t), kind: kind, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
}

// Single is one task.
func Single[P, In, Out any](t handlers.TaskType[In, Out], input func(P) In) Tasks[P] {
	ts := newTasks[P](t, state.Single)
	ts.input = func(p any, _ int) any { return input(p.(P)) }
	return ts
}

// Dynamic is as many tasks as the integer parameter param says. input must be a pure function: it is called at each attempt.
func Dynamic[P, In, Out any](t handlers.TaskType[In, Out], param string, input func(P, int) In) Tasks[P] {
	ts := newTasks[P](t, state.Dynamic)
	ts.param = param
	ts.input = func(p any, i int) any { return input(p.(P), i) }
	return ts
}

// MatchPrevious is one task for each of the stage's one dependency: task i follows task i.
func MatchPrevious[P, In, Out any](t handlers.TaskType[In, Out], input func(P, int) In) Tasks[P] {
	ts := newTasks[P](t, state.MatchPrevious)
	ts.input = func(p any, i int) any { return input(p.(P), i) }
	return ts
}

// FanIn is one task over all results of all dependencies.
func FanIn[P, In, Out any](t handlers.TaskType[In, Out], input func(P) In) Tasks[P] {
	ts := newTasks[P](t, state.FanIn)
	ts.input = func(p any, _ int) any { return input(p.(P)) }
	return ts
}

// Source names the stage that a fan_out is planned from, with the type of what is read of it.
type Source[Out any] struct {
	stage string
	parts bool
	out   reflect.Type
}

// From plans from each result of a stage.
func From[In, Out any](stage string, t handlers.TaskType[In, Out]) Source[Out] {
	return Source[Out]{stage: stage, out: reflect.TypeFor[Out]()}
}

// FromParts plans from each part that the tasks of a stage emitted.
func FromParts[Part any](stage string) Source[Part] { return Source[Part]{stage: stage, parts: true} }

// FanOut is as many tasks as plan yields, called once for each result (or part) of the source in index order. It must be
// deterministic: a plan that is cut off resumes by calling it again and passing over what was written.
func FanOut[P, In, Out, Src any](t handlers.TaskType[In, Out], from Source[Src], plan func(P, int, Src) iter.Seq[In]) Tasks[P] {
	ts := newTasks[P](t, state.FanOut)
	ts.source, ts.fromParts, ts.sourceOut = from.stage, from.parts, from.out
	ts.fanOut = func(p any, index int, result []byte) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			var src Src
			if err := json.Unmarshal(result, &src); err != nil {
				yield(nil, state.Wrap(state.CodePlanner, "define.FanOut", "a result cannot be read by the planner", err))
				return
			}
			for in := range plan(p.(P), index, src) {
				b, err := encodeInput(in)
				if !yield(b, err) || err != nil {
					return
				}
			}
		}
	}
	return ts
}

func encodeInput(in any) ([]byte, error) {
	b, err := json.Marshal(in, json.Deterministic(true))
	if err != nil {
		return nil, state.Wrap(state.CodePlanner, "define.Input", "an input cannot be encoded", err)
	}
	if len(b) > state.MaxInput {
		return nil, tooLarge(len(b))
	}
	return b, nil
}

func tooLarge(n int) error {
	return state.Errorf(state.CodeInputTooLarge, "define.Input", "an input has %d bytes; the limit is %d", n, state.MaxInput)
}
