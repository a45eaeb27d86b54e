package define

import (
	"context"
	"fmt"
	"iter"
	"reflect"

	"coremachine/internal/handlers"
)

// Definition declares a job whose parameters are the struct P. Fields of P
// carry the tags json (a snake_case name), default (a plain string, or JSON for
// other types), validate (validator/v10), pattern (a regular expression, on
// strings), search (true: jobs are found by the value of the parameter, which
// costs a row for each job) and doc (one line for people).
//
// P may hold strings, booleans, numbers, time.Time, other types that marshal as
// text, structs, slices and maps of these, and pointers if null is a value. A
// parameter that is absent and has no default gets the zero value of its type.
// A parameter with the rule required must be present and must not be zero.
type Definition[P any] struct {
	Description string
	Stages      []Stage[P] // in topological order
	// Tolerance is the share of a stage's tasks that may fail. With 0 (the
	// default), the job fails on the first failed task. With 1, the job
	// continues regardless of failures.
	Tolerance float64

	// Preflight rejects parameters that only a look at external services shows
	// to be wrong. It may be nil. It runs before the job is stored. Use Field
	// to name the invalid parameter.
	Preflight func(ctx context.Context, p P, deps handlers.Deps) error

	// Result returns the job's result, at most state.MaxResult bytes of JSON,
	// after all stages have ended. It may be nil.
	Result func(ctx context.Context, p P, r Results) (any, error)

	// Show lists the members of the result that the dashboard shows as a
	// picture or a table. See Image and Table.
	Show []Display

	Needs []string // fields of handlers.Deps that Preflight requires

	// KeepLogs keeps the log lines of tasks that succeed as well, for 24 hours.
	// Without it, those of attempts that do not succeed are kept. See Task.Log.
	KeepLogs bool
}

// Stage declares one stage.
type Stage[P any] struct {
	Name  string
	Tasks Tasks[P] // created by Single, Dynamic, MatchPrevious, FanOut or FanIn

	// DependsOn names the earlier stages that must have ended. If it is nil,
	// the stage depends on the source of a FanOut, or else on the stage before
	// it. With None, the stage waits for nothing.
	DependsOn []string

	// Finally makes the stage run after the outcome of the job is decided, also
	// if the job fails or is cancelled. Finally stages come last and depend on
	// finally stages only. If DependsOn is nil, the first one waits for nothing
	// but the outcome. Their failures do not fail the job. Handlers read the
	// outcome with handlers.Outcome.
	Finally bool

	SkipIf func(P) bool // pure function; nil means that the stage always runs
	// UsesLineage allows the tasks to read the results of earlier stages. A
	// FanIn may always read them. A task of a finally stage may read all stages
	// that are not finally stages: those tasks that have completed.
	UsesLineage bool
	// Window is the maximum number of dispatched tasks that have not ended. 0
	// means state.DefaultWindow.
	Window int
	Bundle int // number of tasks that one message carries; 0 means that the engine chooses
}

// Source is an earlier stage whose results, or emitted parts, are of type T.
type Source[T any] struct {
	stage    string
	taskType string
	parts    bool
}

// From refers to the results of an earlier stage. The start-up check compares
// the task type with that of the stage.
func From[In, Out any](stage string, t handlers.TaskType[In, Out]) Source[Out] {
	return Source[Out]{stage: stage, taskType: string(t)}
}

// FromParts refers to the parts that the tasks of an earlier stage emit. Their
// handler declares Emits[Part].
func FromParts[Part any](stage string) Source[Part] {
	return Source[Part]{stage: stage, parts: true}
}

// None is the DependsOn of a stage that waits for nothing.
var None = []string{}

// Results gives a job's result function access to the results of its stages.
// Read them with Of and PartsOf.
type Results struct{ lineage handlers.Lineage }

// Of streams the results of a stage in index order. It holds one result at a
// time in memory and ends after the first error. Return errors unchanged,
// because the engine decides by them whether to retry.
func Of[Out any](ctx context.Context, r Results, stage string) iter.Seq2[Out, error] {
	return handlers.Decode[Out](
		r.lineage.Results(ctx, stage),
		func(s handlers.StoredResult) bool { return s.Part < 0 },
	)
}

// PartsOf streams the parts that the tasks of a stage emitted, in the same way
// as Of streams results.
func PartsOf[Part any](ctx context.Context, r Results, stage string) iter.Seq2[Part, error] {
	return handlers.Decode[Part](
		r.lineage.Results(ctx, stage),
		func(s handlers.StoredResult) bool { return s.Part >= 0 },
	)
}

// Define compiles a definition. It never fails: Check lists what is wrong with
// the definition.
func Define[P any](d Definition[P]) Job {
	j := &job{
		description: d.Description,
		tolerance:   d.Tolerance,
		needs:       d.Needs,
		show:        d.Show,
		keepLogs:    d.KeepLogs,
		params:      reflect.TypeFor[P](),
	}

	j.shape, j.problems = shapeOf(j.params)
	if j.shape != nil {
		j.schema = schemaOf(j.shape, d.Description)
		j.searched = searchedPaths(j.shape)
		j.problems = append(j.problems, defaultProblems(j.shape)...)
	}

	if len(j.searched) > maxSearched {
		j.problems = append(j.problems, fmt.Sprintf(
			"%d parameters are searchable, the maximum is %d", len(j.searched), maxSearched))
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

	j.problems = append(j.problems, j.showProblems()...)

	return Job{j}
}
