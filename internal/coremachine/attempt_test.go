package coremachine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

func TestClassify(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		name    string
		err     error
		cause   error
		code    state.Code
		outcome state.Outcome
	}{
		{"PlainErrorIsTransient", errors.New("x"), nil, state.CodeTaskError, state.OutcomeError},
		{
			"Permanent", fmt.Errorf("a: %w", handlers.Permanent(errors.New("x"))), nil, state.CodePermanent,
			state.OutcomePermanent,
		},
		{"Panic", state.Errorf(state.CodePanic, "h", "x"), nil, state.CodePanic, state.OutcomePanic},
		{
			"NotJSON", state.Errorf(state.CodeInvalidResult, "h", "x"), nil, state.CodeInvalidResult,
			state.OutcomeInvalid,
		},
		{
			"TooLarge", state.Errorf(state.CodeResultTooLarge, "h", "x"), nil, state.CodeResultTooLarge,
			state.OutcomeTooLarge,
		},
		{
			"Deadline", fmt.Errorf("read: %w", context.DeadlineExceeded), errDeadline, state.CodeTimeout,
			state.OutcomeTimeout,
		},
		{"DeadlineThatCausedNothing", errors.New("disk full"), errDeadline, state.CodeTaskError, state.OutcomeError},
		{"OwnDeadlineOfTheHandler", context.DeadlineExceeded, nil, state.CodeTaskError, state.OutcomeError},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			code, outcome := classify(c.err, c.cause)
			if code != c.code || outcome != c.outcome {
				t.Errorf("classify = %s, %s, want %s, %s", code, outcome, c.code, c.outcome)
			}
		})
	}
}

func TestFailDecidesBetweenRetryAndEnd(t *testing.T) {
	t.Parallel()

	policy := state.Backoff{Attempts: 3, Base: time.Second, Factor: 2, Cap: time.Minute}
	for _, c := range []struct {
		name     string
		failures int
		err      error
		status   state.TaskStatus
		delay    time.Duration
	}{
		{"FirstFailure", 0, errors.New("x"), state.TaskQueued, time.Second},
		{"SecondFailure", 1, errors.New("x"), state.TaskQueued, 2 * time.Second},
		{"LastFailure", 2, errors.New("x"), state.TaskFailed, 0},
		{"PermanentAtOnce", 0, handlers.Permanent(errors.New("x")), state.TaskFailed, 0},
		{
			"AsTheServiceAsked", 0, handlers.RetryAfter(7*time.Second, errors.New("x")), state.TaskQueued,
			7 * time.Second,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			e := taskEnd{retry: policy, failures: c.failures}
			e.Result = []byte("1")
			e.fail(c.err, nil)

			if e.Status != c.status || e.Delay != c.delay || e.Result != nil || e.Error == "" {
				t.Errorf(
					"fail = %s after %s with %q, want %s after %s",
					e.Status,
					e.Delay,
					e.Error,
					c.status,
					c.delay,
				)
			}
		})
	}
}
