package define

import (
	"fmt"
	"iter"
	"reflect"

	"github.com/go-json-experiment/json"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// Tasks says how many tasks a stage has and which input each of them gets.
// Planners are pure: they are called again after a crash, and must then return
// the same.
type Tasks[P any] struct {
	kind     state.Parallelism
	taskType string
	in, out  reflect.Type
	count    string // the parameter of a dynamic stage
	source   sourceRef
	input    func(P, int) any
	fanOut   func(P, handlers.StoredResult) iter.Seq2[any, error]
}

type sourceRef struct {
	stage    string
	taskType string
	parts    bool
	typ      reflect.Type
}

func tasksOf[P, In, Out any](kind state.Parallelism, t handlers.TaskType[In, Out]) Tasks[P] {
	return Tasks[P]{kind: kind, taskType: string(t), in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
}

// Single plans one task.
func Single[P, In, Out any](t handlers.TaskType[In, Out], input func(P) In) Tasks[P] {
	return one(state.Single, t, input)
}

// FanIn plans one task over all results of all dependencies. The task reads
// them with handlers.Results.
func FanIn[P, In, Out any](t handlers.TaskType[In, Out], input func(P) In) Tasks[P] {
	return one(state.FanIn, t, input)
}

func one[P, In, Out any](kind state.Parallelism, t handlers.TaskType[In, Out], input func(P) In) Tasks[P] {
	tasks := tasksOf[P](kind, t)
	if input != nil {
		tasks.input = func(p P, _ int) any { return input(p) }
	}

	return tasks
}

// Dynamic plans as many tasks as the integer parameter count says. Validate
// tags limit the parameter to at most MaxTasks.
func Dynamic[P, In, Out any](
	t handlers.TaskType[In, Out],
	count string,
	input func(p P, index int) In,
) Tasks[P] {
	tasks := each(state.Dynamic, t, input)
	tasks.count = count

	return tasks
}

// MatchPrevious plans one task for each task of the single stage that it
// depends on. Task i follows task i. If the stage declares UsesLineage, task i
// reads that result with handlers.Predecessor.
func MatchPrevious[P, In, Out any](t handlers.TaskType[In, Out], input func(p P, index int) In) Tasks[P] {
	return each(state.MatchPrevious, t, input)
}

func each[P, In, Out any](
	kind state.Parallelism,
	t handlers.TaskType[In, Out],
	input func(P, int) In,
) Tasks[P] {
	tasks := tasksOf[P](kind, t)
	if input != nil {
		tasks.input = func(p P, index int) any { return input(p, index) }
	}

	return tasks
}

// FanOut plans the tasks that plan yields for each result (or part) of the
// source. It calls plan once per result, with the index of the task that
// produced it. Only that result is held in memory.
func FanOut[P, In, Out, S any](
	t handlers.TaskType[In, Out],
	from Source[S],
	plan func(p P, index int, result S) iter.Seq[In],
) Tasks[P] {
	tasks := tasksOf[P](state.FanOut, t)

	tasks.source = sourceRef{
		stage:    from.stage,
		taskType: from.taskType,
		parts:    from.parts,
		typ:      reflect.TypeFor[S](),
	}
	if plan == nil {
		return tasks
	}

	tasks.fanOut = func(p P, r handlers.StoredResult) iter.Seq2[any, error] {
		return func(yield func(any, error) bool) {
			if from.parts != (r.Part >= 0) {
				return
			}

			result, err := decodeStored[S](r.Data)
			if err != nil {
				yield(nil, err)
				return
			}

			inputs := plan(p, r.Index, result)
			if inputs == nil {
				return
			}

			for in := range inputs {
				if !yield(in, nil) {
					return
				}
			}
		}
	}

	return tasks
}

// decodeStored ignores fields that T does not have, because a newer build may
// have stored the result.
func decodeStored[T any](b []byte) (T, error) {
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return v, state.Wrap(
			state.CodePlanner,
			"define.decodeStored",
			fmt.Sprintf("the stored result is not a %T", v),
			err,
		)
	}

	return v, nil
}

// stage is a Stage without its type parameter.
type stage struct {
	spec      StageSpec
	dependsOn []string // as declared, without the default
	in, out   reflect.Type
	count     string
	countAt   []int // index path of the count parameter
	source    sourceRef
	skip      func(any) bool
	input     func(any, int) any
	fanOut    func(any, handlers.StoredResult) iter.Seq2[any, error]
}

func (s Stage[P]) erase() stage {
	t := s.Tasks

	e := stage{
		spec: StageSpec{
			Name: s.Name, TaskType: t.taskType, Kind: t.kind, Source: -1,
			Window: s.Window, Bundle: s.Bundle, UsesLineage: s.UsesLineage || t.kind == state.FanIn,
			Finally: s.Finally,
		},
		dependsOn: s.DependsOn, in: t.in, out: t.out, count: t.count, source: t.source,
	}
	if e.spec.Window == 0 {
		e.spec.Window = state.DefaultWindow
	}

	if s.SkipIf != nil {
		e.skip = func(p any) bool { return s.SkipIf(paramsAs[P](p)) }
	}

	if t.input != nil {
		e.input = func(p any, index int) any { return t.input(paramsAs[P](p), index) }
	}

	if t.fanOut != nil {
		e.fanOut = func(p any, r handlers.StoredResult) iter.Seq2[any, error] { return t.fanOut(paramsAs[P](p), r) }
	}

	return e
}

// paramsAs converts erased parameters back to P. Parameters of another job are
// a bug in the caller.
func paramsAs[P any](v any) P {
	p, ok := v.(P)
	if !ok {
		panic(fmt.Sprintf("the job takes parameters of type %[2]T, not %[1]T", v, p))
	}

	return p
}
