package coremachine

import (
	"context"
	"errors"
	"math/rand/v2"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// taskEnd is an attempt's end with what is needed to turn it into a failure.
type taskEnd struct {
	state.TaskEnd
	retry    state.Backoff
	failures int // before this attempt
}

// size is what the end counts for in a group commit, in bytes.
func (e *taskEnd) size() int {
	n := len(e.Result) + len(e.Error) + len(e.Stack)
	if e.Log != nil {
		n += len(e.Log.Lines)
	}

	return n
}

func bytesOf(ends []taskEnd) (n int) {
	for i := range ends {
		n += ends[i].size()
	}

	return n
}

// fail makes the end an unsuccessful one: to be tried again, or final when
// retries are spent or cannot help. An error whose own methods panic, such as a
// nil pointer in an interface, counts as a panic of the handler.
func (e *taskEnd) fail(err, cause error) {
	defer func() {
		if v := recover(); v != nil {
			e.record(state.Panicked(state.CodePanic, "coremachine.fail", "the handler's error", v), cause)
		}
	}()

	e.record(err, cause)
}

func (e *taskEnd) record(err, cause error) {
	e.Result = nil
	e.Code, e.Outcome = classify(err, cause)
	e.Error, e.Stack = state.CleanText(failureText(err)), state.CleanStack(stackOf(err))

	failures := e.failures + 1
	if e.Outcome == state.OutcomePermanent || e.retry.Exhausted(failures) {
		e.Status = state.TaskFailed
		return
	}

	e.Status = state.TaskQueued

	e.Delay = e.retry.Delay(failures, rand.Float64())
	if d, ok := handlers.RetryDelay(err); ok {
		e.Delay = d
	}
}

// classify returns the code and the outcome of an attempt's error. The deadline
// counts only if it can be the cause of the handler's error.
func classify(err, cause error) (state.Code, state.Outcome) {
	if errors.Is(cause, errDeadline) &&
		(errors.Is(err, errDeadline) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		return state.CodeTimeout, state.OutcomeTimeout
	}

	if handlers.IsPermanent(err) {
		return state.CodePermanent, state.OutcomePermanent
	}

	switch state.CodeOf(err) {
	case state.CodePanic:
		return state.CodePanic, state.OutcomePanic
	case state.CodeInvalidResult:
		return state.CodeInvalidResult, state.OutcomeInvalid
	case state.CodeResultTooLarge:
		return state.CodeResultTooLarge, state.OutcomeTooLarge
	case state.CodeInputTooLarge:
		return state.CodeInputTooLarge, state.OutcomePermanent
	case state.CodePlanner:
		return state.CodePlanner, state.OutcomePermanent
	}

	return state.CodeTaskError, state.OutcomeError
}
