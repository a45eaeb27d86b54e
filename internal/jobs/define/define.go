package define

import (
	"context"
	"iter"
	"reflect"

	"coremachine/internal/handlers"
)

// Definition declares a job whose parameters are the struct P. Fields of P
// carry the tags json (a snake_case name), default (a string as it is, anything
// else as JSON), validate (validator/v10), pattern (a regular expression, on
// strings) and doc (a line for people).
//
// P may hold strings, booleans, numbers, time.Time, other types that marshal as
// text, structs, slices and maps of these, and pointers where null is a value.
// A parameter that is absent and has no default is the zero value of its type;
// one with the rule required must be there and must not be zero.
type Definition[P any] struct {
	Description string
	Stages      []Stage[P] // in topological order
	// share of a stage's tasks that may fail: 0 (default) fails fast, 1 carries
	// on whatever happens
	Tolerance float64

	// Preflight refuses parameters that only the outside world shows to be
	// wrong; nil: none. It runs before the job is stored. Use Field to name the
	// parameter at fault.
	Preflight func(ctx context.Context, p P, deps handlers.Deps) error

	// Result makes the job's result, at most state.MaxResult bytes of JSON,
	// once all stages have ended; nil: none.
	Result func(ctx context.Context, p P, r Results) (any, error)

	Needs []string // fields of handlers.Deps that Preflight cannot work without
}

// Stage declares one stage.
type Stage[P any] struct {
	Name  string
	Tasks Tasks[P] // made by Single, Dynamic, MatchPrevious, FanOut or FanIn

	// DependsOn names the earlier stages that must have ended. nil: the source
	// of a FanOut, else the stage before. None: it waits for nothing.
	DependsOn []string

	SkipIf      func(P) bool // pure; nil: never
	UsesLineage bool         // its tasks read what earlier stages produced; a FanIn always may
	Window      int          // most tasks dispatched and not ended; 0: state.DefaultWindow
	Bundle      int          // tasks that one message carries; 0: the engine chooses
}

// Source is an earlier stage whose results, or emitted parts, are of type T.
type Source[T any] struct {
	stage    string
	taskType string
	parts    bool
}

// From is the results of an earlier stage; the start-up check compares the task
// type with the stage's own.
func From[In, Out any](stage string, t handlers.TaskType[In, Out]) Source[Out] {
	return Source[Out]{stage: stage, taskType: string(t)}
}

// FromParts is the parts that the tasks of an earlier stage emit. Their handler
// declares Emits[Part].
func FromParts[Part any](stage string) Source[Part] {
	return Source[Part]{stage: stage, parts: true}
}

// None is the DependsOn of a stage that waits for nothing.
var None = []string{}

// Results is what the stages of a job produced, as its result function sees it;
// read it with Of and PartsOf.
type Results struct{ lineage handlers.Lineage }

// Of streams the results of a stage in index order, one at a time in memory,
// and ends after the first error. Pass errors on as they are: the engine tells
// by them whether to try again.
func Of[Out any](ctx context.Context, r Results, stage string) iter.Seq2[Out, error] {
	return handlers.Decode[Out](
		r.lineage.Results(ctx, stage),
		func(s handlers.StoredResult) bool { return s.Part < 0 },
	)
}

// PartsOf streams the parts that the tasks of a stage emitted, as Of streams
// results.
func PartsOf[Part any](ctx context.Context, r Results, stage string) iter.Seq2[Part, error] {
	return handlers.Decode[Part](
		r.lineage.Results(ctx, stage),
		func(s handlers.StoredResult) bool { return s.Part >= 0 },
	)
}

// Define compiles a definition. It never fails: what is wrong with the
// definition is listed by Check.
func Define[P any](d Definition[P]) Job {
	j := &job{
		description: d.Description,
		tolerance:   d.Tolerance,
		needs:       d.Needs,
		params:      reflect.TypeFor[P](),
	}

	j.shape, j.problems = shapeOf(j.params)
	if j.shape != nil {
		j.schema = schemaOf(j.shape, d.Description)
		j.problems = append(j.problems, defaultProblems(j.shape)...)
	}

	for _, s := range d.Stages {
		j.stages = append(j.stages, s.erase())
	}

	j.problems = append(j.problems, j.link()...)
	if d.Preflight != nil {
		j.preflight = func(ctx context.Context, p any, deps handlers.Deps) error {
			return d.Preflight(ctx, paramsAs[P](p), deps)
		}
	}

	if d.Result != nil {
		j.result = func(ctx context.Context, p any, r Results) (any, error) { return d.Result(ctx, paramsAs[P](p), r) }
	}

	return Job{j}
}
