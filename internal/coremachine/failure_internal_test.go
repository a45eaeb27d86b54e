package coremachine

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

func TestFailureTextIsWhole(t *testing.T) {
	t.Parallel()

	reset := errors.New("connection reset")
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"Plain", fmt.Errorf("reading tile 7: %w", reset), "reading tile 7: connection reset"},
		{
			"PermanentInside", fmt.Errorf("reading tile 17: %w", handlers.Permanent(reset)),
			"reading tile 17: connection reset",
		},
		{
			"PermanentOutside", handlers.Permanent(fmt.Errorf("reading tile 17: %w", reset)),
			"reading tile 17: connection reset",
		},
		{"Joined", errors.Join(errors.New("left"), handlers.Permanent(errors.New("right"))), "left\nright"},
		{
			"JoinedInside",
			fmt.Errorf("both: %w", errors.Join(handlers.Permanent(errors.New("left")), errors.New("right"))),
			"both: left\nright",
		},
		{
			"TwoWrapped",
			fmt.Errorf("%w, and %w", handlers.Permanent(errors.New("left")), errors.New("right")),
			"left, and right",
		},
		{
			"RetryAfterInside", fmt.Errorf("tile 17: %w", handlers.RetryAfter(time.Second, reset)),
			"tile 17: connection reset",
		},
		{
			"PermanentInRetryAfter",
			fmt.Errorf("tile 17: %w", handlers.RetryAfter(time.Second, handlers.Permanent(reset))),
			"tile 17: connection reset",
		},
		{
			"WithoutTheEnginesOperation", fmt.Errorf("emitting tile 17: %w",
				state.Errorf(state.CodeResultTooLarge, "handlers.Encode", "the value is too large")),
			"emitting tile 17: the value is too large",
		},
		{
			"WithTheCause", fmt.Errorf("tile 17: %w",
				handlers.Permanent(state.Wrap(state.CodePermanent, "handlers.Run", "no input", reset))),
			"tile 17: no input: connection reset",
		},
		{"JoinedOperations", errors.Join(state.Errorf(state.CodePanic, "handlers.Run", "one"),
			state.Errorf(state.CodePermanent, "handlers.Emit", "two")), "one\ntwo"},
		{
			"WithFields", state.Invalid("define.Parse", "the parameters are wrong",
				state.FieldError{Field: "n", Message: "is missing"}),
			"the parameters are wrong: n: is missing",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			if got := failureText(c.err); got != c.want {
				t.Errorf("text = %q, want %q", got, c.want)
			}
		})
	}
}

// unreadable is the classic nil pointer in an error: not nil, and without text.
type unreadable struct{ text string }

func (u *unreadable) Error() string { return u.text }

func TestAnErrorThatPanicsIsAFailedAttempt(t *testing.T) {
	t.Parallel()

	var none *unreadable

	e := taskEnd{retry: state.Backoff{Attempts: 3, Base: time.Second, Factor: 1, Cap: time.Second}}
	e.fail(fmt.Errorf("tile 17: %w", none), nil)
	e = taskEnd{retry: state.Backoff{Attempts: 3, Base: time.Second, Factor: 1, Cap: time.Second}}
	e.fail(none, nil)

	if e.Status != state.TaskQueued || e.Outcome != state.OutcomePanic ||
		!strings.Contains(e.Error, "panicked") {
		t.Errorf("the end is %+v", e.TaskEnd)
	}
}

func TestAPanicsEndHoldsItsStackWithinBounds(t *testing.T) {
	t.Parallel()

	panicked := state.Errorf(state.CodePanic, "handlers.Run", "the handler panicked")
	panicked.Stack = strings.Repeat("f\n\tx.go:1\n", state.MaxStack/10)
	e := taskEnd{retry: state.Backoff{Attempts: 3}}
	e.fail(fmt.Errorf("tile 17: %w", panicked), nil)

	if e.Code != state.CodePanic || e.Stack != panicked.Stack || e.Error != "tile 17: the handler panicked" {
		t.Errorf("the end is %s %q with a stack of %d bytes", e.Code, e.Error, len(e.Stack))
	}
}
