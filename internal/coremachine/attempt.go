package coremachine

import (
	"context"
	"errors"
	"math/rand/v2"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// taskEnd is an attempt's end with what is needed to turn it into a failure.
type taskEnd struct {
	state.TaskEnd
	retry    state.Backoff
	failures int // before this attempt
}

// size is what the end counts for in a group commit, in bytes.
func (e *taskEnd) size() int { return len(e.Result) + len(e.Error) + len(e.Stack) }

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

// classify tells what an error of an attempt means. The deadline counts only
// where the handler's error may come of it.
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

// flushEnds books a batch. What the database refuses makes the batch fail
// whole: it is halved until the culprit stands alone, so that no neighbour
// suffers. Data that is refused becomes a failed attempt; any other culprit's
// message is put back.
func (m *Machine) flushEnds(ctx context.Context, s *session, ends []taskEnd) error {
	batch := make([]state.TaskEnd, len(ends))
	for i := range ends {
		batch[i] = ends[i].TaskEnd
	}

	err := m.inLocalTx(
		s,
		func(local state.LocalCapacity) (state.TransitionEffects, error) {
			return m.store.Complete(ctx, local, batch)
		},
	)
	if err == nil {
		return nil
	}

	code := state.CodeOf(err)
	if code == state.CodeUnavailable || ctx.Err() != nil {
		return err
	}

	if len(ends) > 1 {
		half := len(ends) / 2

		var problems []error

		for _, part := range [][]taskEnd{ends[:half], ends[half:]} {
			_, err := retry(ctx, func() (struct{}, error) { return struct{}{}, m.flushEnds(ctx, s, part) })
			problems = append(problems, err)
		}

		return errors.Join(problems...)
	}

	if code != state.CodeInvalid || ends[0].Status != state.TaskCompleted {
		m.log.Error("recording the end of an attempt failed", keys.JobID, ends[0].JobID, keys.Error, err)
		return err
	}

	culprit := ends[0]
	culprit.fail(
		state.Errorf(state.CodeInvalidResult, "coremachine.flushEnds", "the database rejected the result"),
		nil,
	)

	return m.flushEnds(ctx, s, []taskEnd{culprit})
}
