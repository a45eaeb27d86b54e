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

// MaxTasks is the maximum number of tasks of one stage.
const MaxTasks = 1<<31 - 1

// Job is a compiled definition. It is immutable and safe for concurrent use.
// Check rejects the zero value.
type Job struct{ *job }

type job struct {
	description string
	tolerance   float64
	params      reflect.Type
	shape       *shape // nil if P is not a usable struct; problems then says why
	schema      []byte
	searched    []string // paths of the parameters that jobs are found by
	stages      []stage
	preflight   func(context.Context, any, handlers.Deps) error
	result      func(context.Context, any, Results) (any, error)
	needs       []string
	show        []Display
	keepLogs    bool
	problems    []string
}

// Params is one set of validated parameters. Job.Parse creates it, and it is
// only valid for the Job that created it.
type Params struct {
	Canonical []byte // JSON as defined by RFC 8785, with defaults applied

	value  any // a P
	counts []int
	skips  []bool
}

// StageSpec is one stage as the engine sees it. Its number is its position in
// Job.Stages, which is in topological order.
type StageSpec struct {
	Name      string
	TaskType  string
	Kind      state.Parallelism
	DependsOn []int // numbers of earlier stages, ascending
	// Source is the stage whose results plan a fan_out stage, or the dependency
	// of a match_previous stage, or -1.
	Source      int
	Window      int // maximum number of dispatched tasks that have not ended
	Bundle      int // number of tasks that one message carries; 0 means that the engine chooses
	UsesLineage bool
	Finally     bool // it runs after the outcome of the job is decided
}

// Description returns a text for people that says what the job does.
func (j Job) Description() string { return j.description }

// Schema returns the JSON Schema (2020-12) of the parameters.
func (j Job) Schema() json.RawMessage { return j.schema }

// Stages returns the stages in the order of their numbers. The caller must not
// change them.
func (j Job) Stages() []StageSpec {
	specs := make([]StageSpec, len(j.stages))
	for i := range j.stages {
		specs[i] = j.stages[i].spec
	}

	return specs
}

// Tolerance returns the share of a stage's tasks that may fail without failing
// the job, from 0 to 1.
func (j Job) Tolerance() float64 { return j.tolerance }

// KeepsLogs reports whether the log lines of tasks that succeed are kept.
func (j Job) KeepsLogs() bool { return j.keepLogs }

// Count returns the number of tasks of a stage if the parameters alone
// determine it: the count of a dynamic stage, or 1 for a single or fan_in
// stage. Otherwise it returns -1. Count does not check whether the stage is
// skipped.
func (j Job) Count(p Params, stage int) int { return p.counts[stage] }

// Skip reports whether a stage is skipped.
func (j Job) Skip(p Params, stage int) bool { return p.skips[stage] }

// Preflight runs the job's own check of its parameters against external
// services. It returns nil if the job has none. A rejection has CodeInvalid. If
// ctx ends before the check is done, the error has CodeUnavailable. Errors that
// have a code are returned unchanged.
func (j Job) Preflight(ctx context.Context, p Params, deps handlers.Deps) (err error) {
	const op = "define.Preflight"

	if j.preflight == nil {
		return nil
	}

	defer guard(op, "the preflight check", &err)

	err = j.preflight(ctx, p.value, deps)
	if err == nil || hasCode(err) {
		return err
	}

	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return state.Wrap(state.CodeUnavailable, op, "the preflight check timed out", err)
	}

	return state.Wrap(state.CodeInvalid, op, "the preflight check rejected the parameters", err)
}

// Field returns the error with which a pre-flight check rejects a parameter.
// The message says what the value was and what would be accepted.
func Field(param, message string) error {
	return state.Invalid("define.Preflight", "the preflight check rejected the parameters",
		state.FieldError{Field: param, Message: message})
}

// Input returns the input of one task, at most state.MaxInput bytes of JSON. It
// is for stages whose inputs follow from parameters and index, which is any
// kind except fan_out. The errors are CodePlanner and CodeInputTooLarge.
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
// fan_out stage. If the stage is not planned from r, it yields nothing. It ends
// after the first error. The errors are those of Input.
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

// planInputs converts a panic of the planner into an error. It does not
// intercept a panic of the consumer.
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

// HasResult reports whether the job has a result function.
func (j Job) HasResult() bool { return j.result != nil }

// Result returns the job's result, at most state.MaxResult bytes of JSON. The
// errors are CodePlanner (the function failed or panicked, or its result is not
// JSON), CodeResultTooLarge, and the errors of reading the stages' results.
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

// guard is deferred around user code. It converts a panic into an error with
// CodePlanner.
func guard(op, what string, err *error) {
	if v := recover(); v != nil {
		*err = panicked(op, what, v)
	}
}

func panicked(op, what string, v any) error {
	return state.Panicked(state.CodePlanner, op, what, v)
}
