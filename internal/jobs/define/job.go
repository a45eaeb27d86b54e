package define

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// Definition declares a job with parameters of type P, a struct whose fields have json, default and validate tags.
type Definition[P any] struct {
	Description string
	Stages      []Stage[P]
	Tolerance   float64 // share of a stage's tasks that may fail without failing the job: 0 none, 1 any
	// Preflight looks at the outside world before anything is written: return an error made by Field to refuse a parameter.
	Preflight func(ctx context.Context, p P, deps handlers.Deps) error
	// Result makes the job's result, JSON of at most 1 MiB, from what its stages produced. Nil: the job has none.
	Result func(ctx context.Context, p P, r Results) (any, error)
	Needs  []string // fields of handlers.Deps that Preflight uses
}

// Stage declares one stage. Its number is its place in Definition.Stages.
type Stage[P any] struct {
	Name        string
	Tasks       Tasks[P]
	DependsOn   []string     // earlier stages; nil: the stage before. Use None for a stage that waits for nothing
	SkipIf      func(P) bool // decided at submit
	UsesLineage bool         // its tasks read what earlier stages produced
	Window      int          // most tasks dispatched and not ended; 0: 10,000
	Bundle      int          // tasks that one message carries; 0: the engine chooses
}

// None is the DependsOn of a stage that waits for nothing, where it is not the first.
var None = []string{}

// Results is a result function's view of the stages.
type Results struct{ lineage handlers.Lineage }

// Of streams the results of a stage in index order.
func Of[Out any](ctx context.Context, r Results, stage string) iter.Seq2[Out, error] {
	return handlers.Decode[Out](r.lineage.Results(ctx, stage), func(s handlers.StoredResult) bool { return s.Part < 0 })
}

// Field is an error that refuses a parameter, for Preflight.
func Field(name, message string) error {
	return state.Invalid("define.Preflight", "the parameters cannot be used", state.FieldError{Field: name, Message: message})
}

// Job is a declared job with its types erased. It is immutable.
type Job struct {
	description string
	tolerance   float64
	params      *paramType
	stages      []stage
	problems    []string // found while declaring; Check reports them
	preflight   func(context.Context, any, handlers.Deps) error
	result      func(context.Context, any, handlers.Lineage) (any, error)
	needs       []string
}

type stage struct {
	spec    StageSpec
	tasks   tasks
	skip    func(any) bool
	in, out reflect.Type
}

// StageSpec is what the engine knows of a stage without parameters.
type StageSpec struct {
	Name        string
	TaskType    string
	Kind        state.Parallelism
	DependsOn   []int // stage numbers, ascending
	Source      int   // fan_out: the stage whose results plan it; match_previous: the stage that it follows; else -1
	Window      int   // 0: the engine's
	Bundle      int   // 0: the engine chooses
	UsesLineage bool
}

// Define makes a Job. What is wrong with the declaration is reported by Check at start, all of it at once.
func Define[P any](d Definition[P]) Job {
	j := Job{description: d.Description, tolerance: d.Tolerance, params: newParamType(reflect.TypeFor[P]()), needs: d.Needs}
	j.problems = append(j.problems, j.params.problems...)
	if d.Preflight != nil {
		j.preflight = func(ctx context.Context, p any, deps handlers.Deps) error { return d.Preflight(ctx, p.(P), deps) }
	}
	if d.Result != nil {
		j.result = func(ctx context.Context, p any, l handlers.Lineage) (any, error) {
			return d.Result(ctx, p.(P), Results{l})
		}
	}
	numbers := map[string]int{}
	for i, s := range d.Stages {
		st := stage{tasks: s.Tasks.tasks, in: s.Tasks.in, out: s.Tasks.out}
		st.spec = StageSpec{
			Name: s.Name, TaskType: s.Tasks.taskType, Kind: s.Tasks.kind, Source: -1,
			Window: s.Window, Bundle: s.Bundle, UsesLineage: s.UsesLineage,
		}
		if s.SkipIf != nil {
			st.skip = func(p any) bool { return s.SkipIf(p.(P)) }
		}
		j.dependencies(&st, i, s.DependsOn, numbers)
		if _, twice := numbers[s.Name]; twice {
			j.problem("stage %q is declared twice", s.Name)
		}
		numbers[s.Name] = i
		j.stages = append(j.stages, st)
	}
	return j
}

func (j *Job) problem(format string, args ...any) {
	j.problems = append(j.problems, fmt.Sprintf(format, args...))
}

// dependencies resolves the names that a stage depends on, which must be earlier: so no cycle can be declared.
func (j *Job) dependencies(st *stage, number int, names []string, numbers map[string]int) {
	if names == nil && number > 0 {
		names = []string{j.stages[number-1].spec.Name}
	}
	seen := map[int]bool{}
	for _, name := range names {
		n, ok := numbers[name]
		if !ok {
			j.problem("stage %q depends on %q, which is no earlier stage", st.spec.Name, name)
			continue
		}
		seen[n] = true
	}
	for n := range number {
		if seen[n] {
			st.spec.DependsOn = append(st.spec.DependsOn, n)
		}
	}
	switch st.spec.Kind {
	case state.MatchPrevious:
		if len(st.spec.DependsOn) != 1 {
			j.problem("stage %q is match_previous and needs exactly one dependency; it has %d", st.spec.Name, len(st.spec.DependsOn))
			return
		}
		st.spec.Source = st.spec.DependsOn[0]
	case state.FanOut:
		n, ok := numbers[st.tasks.source]
		if !ok || !seen[n] {
			j.problem("stage %q is planned from %q, which it does not depend on", st.spec.Name, st.tasks.source)
			return
		}
		st.spec.Source = n
	case state.FanIn:
		if len(st.spec.DependsOn) == 0 {
			j.problem("stage %q is fan_in and depends on nothing", st.spec.Name)
		}
	case state.Single, state.Dynamic:
	}
}

// Description says what the job does, for people.
func (j Job) Description() string { return j.description }

// Tolerance is the share of a stage's tasks that may fail without failing the job.
func (j Job) Tolerance() float64 { return j.tolerance }

// Schema is the JSON Schema (2020-12) of the parameters.
func (j Job) Schema() json.RawMessage { return j.params.schema() }

// Stages lists the stages by number.
func (j Job) Stages() []StageSpec {
	specs := make([]StageSpec, len(j.stages))
	for i := range j.stages {
		specs[i] = j.stages[i].spec
	}
	return specs
}

// HasResult tells whether the job has a result function.
func (j Job) HasResult() bool { return j.result != nil }

// guard turns a panic of a declared function into an error with CodePlanner.
func guard(what string, err *error) {
	if p := recover(); p != nil {
		*err = state.Errorf(state.CodePlanner, "define."+what, "the job's declaration panicked: %v", p)
	}
}

// Preflight looks at the outside world before anything is written.
func (j Job) Preflight(ctx context.Context, p Params, deps handlers.Deps) (err error) {
	if j.preflight == nil {
		return nil
	}
	defer guard("Preflight", &err)
	return j.preflight(ctx, p.value, deps)
}

// Result makes the job's result as JSON of at most 1 MiB.
func (j Job) Result(ctx context.Context, p Params, l handlers.Lineage) (b []byte, err error) {
	defer guard("Result", &err)
	v, err := j.result(ctx, p.value, l)
	if err != nil {
		return nil, err
	}
	return handlers.Encode(v)
}

// Skip tells whether a stage's skip condition holds.
func (j Job) Skip(p Params, stage int) bool {
	skip := j.stages[stage].skip
	return skip != nil && skip(p.value)
}

// Count is how many tasks a stage has where parameters alone tell, else -1.
func (j Job) Count(p Params, stage int) int {
	switch j.stages[stage].spec.Kind {
	case state.Single, state.FanIn:
		return 1
	case state.Dynamic:
		return j.params.count(p.value, j.stages[stage].tasks.param)
	case state.MatchPrevious, state.FanOut:
		return -1
	}
	return -1
}

// Input computes the input of a task of a stage whose inputs are pure, as JSON of at most 64 KiB.
func (j Job) Input(p Params, stage, index int) (b []byte, err error) {
	defer guard("Input", &err)
	return encodeInput(j.stages[stage].tasks.input(p.value, index))
}

// FanOut plans inputs from one result, or one part, of the source stage. What is not of the declared kind plans nothing.
func (j Job) FanOut(p Params, stage int, r handlers.StoredResult) iter.Seq2[[]byte, error] {
	t := j.stages[stage].tasks
	return func(yield func([]byte, error) bool) {
		if t.fromParts != (r.Part >= 0) {
			return
		}
		var err error
		func() {
			defer guard("FanOut", &err)
			for in, e := range t.fanOut(p.value, r.Index, r.Data) {
				b, e2 := in, e
				if e2 == nil && len(b) > state.MaxInput {
					e2 = tooLarge(len(b))
				}
				if !yield(b, e2) || e2 != nil {
					return
				}
			}
		}()
		if err != nil {
			yield(nil, err)
		}
	}
}
