package define

import (
	"fmt"
	"iter"
	"reflect"

	"github.com/go-json-experiment/json"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// Tasks says how many tasks a stage has and what each is given. Planners are
// pure: they are called again after a crash, and must then say the same.
type Tasks[P any] struct {
	kind     state.Parallelism
	taskType string
	in, out  reflect.Type
	count    string // dynamic: the parameter
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

// Single is one task.
func Single[P, In, Out any](t handlers.TaskType[In, Out], input func(P) In) Tasks[P] {
	return one(state.Single, t, input)
}

// FanIn is one task over all results of all dependencies, which it reads with
// handlers.Results.
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

// Dynamic is as many tasks as the integer parameter count says. The parameter
// is bounded by validate tags, at most to MaxTasks.
func Dynamic[P, In, Out any](
	t handlers.TaskType[In, Out],
	count string,
	input func(p P, index int) In,
) Tasks[P] {
	tasks := each(state.Dynamic, t, input)
	tasks.count = count

	return tasks
}

// MatchPrevious is one task for each task of the one stage that it depends on:
// task i follows task i, whose result it reads with handlers.Predecessor where
// the stage declares UsesLineage.
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

// FanOut is whatever plan yields for each result (or part) of the source: one
// call a result, with the index of the task that produced it. Nothing is held
// in memory but the one result.
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

// Fields that the reader does not know are let pass: what was stored may be of
// a newer build.
func decodeStored[T any](b []byte) (T, error) {
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return v, state.Wrap(
			state.CodePlanner,
			"define.decodeStored",
			fmt.Sprintf("the stored result is no %T", v),
			err,
		)
	}

	return v, nil
}

// stage is a Stage without its type parameter.
type stage struct {
	spec      StageSpec
	dependsOn []string // as declared
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

// paramsAs is the one way back from erased parameters. Those of another job are
// a defect of the caller.
func paramsAs[P any](v any) P {
	p, ok := v.(P)
	if !ok {
		panic(fmt.Sprintf("parameters of type %T are given to a job that takes %T", v, p))
	}

	return p
}
