package define

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"reflect"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// MaxTasks is the most tasks of one stage.
const MaxTasks = 1<<31 - 1

// Job is a compiled definition. It is immutable and safe for use by many
// goroutines; the zero value is refused by Check.
type Job struct{ *job }

type job struct {
	description string
	tolerance   float64
	params      reflect.Type
	shape       *shape // nil: P is no usable struct, which problems says
	schema      []byte
	stages      []stage
	preflight   func(context.Context, any, handlers.Deps) error
	result      func(context.Context, any, Results) (any, error)
	needs       []string
	problems    []string
}

// Params is one set of validated parameters, made by Job.Parse and only meant
// for the Job that made it.
type Params struct {
	Canonical []byte // JSON as of RFC 8785, defaults applied

	value  any // P
	counts []int
	skips  []bool
}

// StageSpec is one stage as the engine sees it. Its number is its place in
// Job.Stages, a topological order.
type StageSpec struct {
	Name        string
	TaskType    string
	Kind        state.Parallelism
	DependsOn   []int // numbers of earlier stages, ascending
	Source      int   // fan_out: the stage whose results plan it; match_previous: its dependency; else -1
	Window      int   // most tasks dispatched and not ended
	Bundle      int   // tasks that one message carries; 0: the engine chooses
	UsesLineage bool
}

// Description says what the job does, for people.
func (j Job) Description() string { return j.description }

// Schema is the JSON Schema (2020-12) of the parameters.
func (j Job) Schema() json.RawMessage { return j.schema }

// Stages lists the stages in the order of their numbers. The caller must not
// change them.
func (j Job) Stages() []StageSpec {
	specs := make([]StageSpec, len(j.stages))
	for i := range j.stages {
		specs[i] = j.stages[i].spec
	}

	return specs
}

// Tolerance is the share of a stage's tasks that may fail without failing the
// job, from 0 to 1.
func (j Job) Tolerance() float64 { return j.tolerance }

// Count is how many tasks a stage has, where the parameters alone tell: the
// count of a dynamic stage, 1 of a single or fan_in stage, else -1. It does not
// ask whether the stage is skipped.
func (j Job) Count(p Params, stage int) int { return p.counts[stage] }

// Skip tells whether a stage is skipped.
func (j Job) Skip(p Params, stage int) bool { return p.skips[stage] }

// Preflight runs the job's own check of its parameters against the outside
// world; nil where there is none. A refusal is CodeInvalid; a check that could
// not be made for want of time is CodeUnavailable; errors with a code pass as
// they are.
func (j Job) Preflight(ctx context.Context, p Params, deps handlers.Deps) (err error) {
	const op = "define.Preflight"

	if j.preflight == nil {
		return nil
	}
	defer guard(op, "the pre-flight check", &err)

	err = j.preflight(ctx, p.value, deps)
	if err == nil || hasCode(err) {
		return err
	}

	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return state.Wrap(state.CodeUnavailable, op, "the pre-flight check did not end in time", err)
	}

	return state.Wrap(state.CodeInvalid, op, "the pre-flight check refused the parameters", err)
}

// Field is how a pre-flight check refuses a parameter: what it was and what
// would be right.
func Field(param, message string) error {
	return state.Invalid("define.Preflight", "the pre-flight check refused the parameters",
		state.FieldError{Field: param, Message: message})
}

// Input is the input of one task of a stage whose inputs follow from parameters
// and index (any kind but fan_out), at most state.MaxInput bytes of JSON. The
// errors are CodePlanner and CodeInputTooLarge.
func (j Job) Input(p Params, stage, index int) (b []byte, err error) {
	const op = "define.Input"

	s := &j.stages[stage]
	if s.input == nil {
		return nil, state.Errorf(
			state.CodePlanner,
			op,
			"the inputs of stage %s do not follow from the parameters",
			s.spec.Name,
		)
	}
	defer guard(op, "the planner of stage "+s.spec.Name, &err)

	return encodeInput(op, s.spec.Name, s.input(p.value, index))
}

// FanOut streams the inputs that one result (or part) of its source plans for a
// fan_out stage; what the stage is not planned from yields nothing. It ends
// after the first error; errors are as those of Input.
func (j Job) FanOut(p Params, stage int, r handlers.StoredResult) iter.Seq2[[]byte, error] {
	const op = "define.FanOut"

	s := &j.stages[stage]

	return func(yield func([]byte, error) bool) {
		if s.fanOut == nil {
			yield(
				nil,
				state.Errorf(state.CodePlanner, op, "stage %s is not planned from results", s.spec.Name),
			)

			return
		}

		if err := planInputs(s, p.value, r, yield); err != nil {
			yield(nil, err)
		}
	}
}

// planInputs turns a panic of the planner into an error, and lets one of the
// consumer pass.
func planInputs(s *stage, p any, r handlers.StoredResult, yield func([]byte, error) bool) (err error) {
	const op = "define.FanOut"

	consuming, stopped := false, false
	defer func() {
		if consuming {
			return
		}

		if v := recover(); v != nil && !stopped {
			err = panicked(op, "the planner of stage "+s.spec.Name, v)
		}
	}()

	for in, planErr := range s.fanOut(p, r) {
		if planErr != nil {
			return planErr
		}

		b, err := encodeInput(op, s.spec.Name, in)
		if err != nil {
			return err
		}

		consuming = true
		more := yield(b, nil)
		consuming = false

		if !more {
			stopped = true
			return nil
		}
	}

	return nil
}

// HasResult tells whether the job has a result function.
func (j Job) HasResult() bool { return j.result != nil }

// Result is the job's result, at most state.MaxResult bytes of JSON. The errors
// are CodePlanner (the function failed or panicked, or its result is not JSON),
// CodeResultTooLarge, and what reading the stages' results returned.
func (j Job) Result(ctx context.Context, p Params, l handlers.Lineage) (b []byte, err error) {
	const op = "define.Result"
	if j.result == nil {
		return nil, state.Errorf(state.CodePlanner, op, "the job has no result function")
	}
	defer guard(op, "the result function", &err)

	v, err := j.result(ctx, p.value, Results{l})
	if err != nil {
		if hasCode(err) || ctx.Err() != nil {
			return nil, err
		}

		return nil, state.Wrap(state.CodePlanner, op, "the result function failed", err)
	}

	b, err = handlers.Encode(v)
	if state.CodeOf(err) == state.CodeInvalidResult {
		return nil, state.Wrap(state.CodePlanner, op, "the job's result cannot be stored", err)
	}

	return b, err
}

func encodeInput(op, stage string, in any) ([]byte, error) {
	b, err := handlers.Encode(in)
	if err != nil && state.CodeOf(err) != state.CodeResultTooLarge {
		return nil, state.Wrap(state.CodePlanner, op, "an input of stage "+stage+" cannot be stored", err)
	}

	if err != nil || len(b) > state.MaxInput {
		return nil, state.Errorf(
			state.CodeInputTooLarge,
			op,
			"an input of stage %s is over the limit of %d bytes of JSON",
			stage,
			state.MaxInput,
		)
	}

	return b, nil
}

func hasCode(err error) bool {
	var e *state.Error
	return errors.As(err, &e)
}

// guard is deferred around user code: its panic becomes an error with
// CodePlanner.
func guard(op, what string, err *error) {
	if v := recover(); v != nil {
		*err = panicked(op, what, v)
	}
}

func panicked(op, what string, v any) error {
	return state.Panicked(state.CodePlanner, op, what, v)
}
