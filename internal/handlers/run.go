package handlers

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/go-json-experiment/json"

	"coremachine/internal/state"
)

// Run decodes the input, calls the function and encodes its result, which is
// JSON, valid UTF-8, free of U+0000 and at most state.MaxResult bytes. It
// returns when the function does, however late: deadlines are the caller's.
//
// Errors with a code of their own are CodePermanent (the input does not fit the
// input type, or the handler said so), CodePanic, CodeInvalidResult and
// CodeResultTooLarge. Any other is what the handler returned. A handler that
// calls runtime.Goexit, as FailNow of a test does, ends the caller's goroutine:
// Run does not return then.
func (h Handler) Run(ctx context.Context, t Task, input []byte) ([]byte, error) {
	if h.run == nil {
		return nil, state.Errorf(
			state.CodeUnknownTaskType,
			"handlers.Run",
			"there is no function behind the task type",
		)
	}

	t.part = h.part

	return h.run(ctx, t, input)
}

func runner[In, Out any](
	fn func(context.Context, Task, In) (Out, error),
) func(context.Context, Task, []byte) ([]byte, error) {
	const op = "handlers.Run"

	return func(ctx context.Context, t Task, input []byte) (result []byte, err error) {
		// Encoding is covered too: a result's own MarshalJSON is the handler's
		// code.
		defer func() {
			if v := recover(); v != nil {
				panicked := state.Panicked(state.CodePanic, op, "the handler", v)
				t.logger().LogAttrs(ctx, slog.LevelError, "handler panicked",
					slog.String("panic", fmt.Sprint(v)), slog.String("stack", panicked.Stack))
				result, err = nil, panicked
			}
		}()

		var in In

		if len(input) == 0 {
			input = []byte("{}")
		}
		// Unknown fields are let pass: an input may have been planned by a
		// newer build.
		if err := json.Unmarshal(input, &in); err != nil {
			return nil, state.Wrap(state.CodePermanent, op, fmt.Sprintf("the input is no %T", in), err)
		}

		out, err := fn(ctx, t, in)
		if err != nil {
			return nil, err
		}

		return Encode(out)
	}
}

// Encode makes JSON of a value that can be stored: valid UTF-8, no U+0000, no
// NaN, at most state.MaxResult bytes. The errors are CodeInvalidResult and
// CodeResultTooLarge. It does not recover from a panic in the value's own
// marshalling.
func Encode(v any) ([]byte, error) {
	const op = "handlers.Encode"

	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, state.Wrap(state.CodeInvalidResult, op, "the value does not become JSON", err)
	}

	if hasNUL(b) {
		return nil, state.Errorf(
			state.CodeInvalidResult,
			op,
			"the value holds U+0000, which cannot be stored",
		)
	}

	if len(b) > state.MaxResult {
		return nil, state.Errorf(
			state.CodeResultTooLarge,
			op,
			"the value is %d bytes of JSON, over the limit of %d",
			len(b),
			state.MaxResult,
		)
	}

	return b, nil
}

// hasNUL tells whether valid JSON holds the character U+0000, which JSON can
// only spell as an escape.
func hasNUL(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}

		i++ // whatever is escaped is not itself the start of an escape
		if i+4 < len(b) && b[i] == 'u' && string(b[i+1:i+5]) == "0000" {
			return true
		}
	}

	return false
}
