package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/go-json-experiment/json"

	"coremachine/internal/state"
)

// Run decodes the input, calls the function and encodes its result. The result
// is JSON, valid UTF-8, free of U+0000 and at most state.MaxResult bytes. Run
// returns when the function returns, however late. The caller enforces
// deadlines.
//
// Run returns CodePermanent if the input does not fit the input type or the
// handler returned a permanent error, and CodePanic, CodeInvalidResult and
// CodeResultTooLarge. Any other error is the error that the handler returned.
// If a handler calls runtime.Goexit, as FailNow of a test does, the caller's
// goroutine ends and Run does not return.
func (h Handler) Run(ctx context.Context, t Task, input []byte) ([]byte, error) {
	if h.run == nil {
		return nil, state.Errorf(
			state.CodeUnknownTaskType,
			"handlers.Run",
			"the task type has no function",
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
		// The recover also covers encoding, because a result's MarshalJSON is
		// the handler's code.
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
		// Unknown fields are ignored, because a newer build may have planned
		// the input.
		if err := json.Unmarshal(input, &in); err != nil {
			return nil, state.Wrap(state.CodePermanent, op, fmt.Sprintf("the input is not a %T", in), err)
		}

		out, err := fn(ctx, t, in)
		if err != nil {
			return nil, err
		}
		defer takeTurn(ctx)()

		return Encode(out)
	}
}

// encoding limits how many results are encoded concurrently to the number of
// CPUs. Otherwise hundreds of large results that end together would share the
// CPUs, and the process would lose its lease before any of them was encoded.
var encoding = make(chan struct{}, runtime.GOMAXPROCS(0))

// takeTurn waits until a result may be encoded; call what it returns
// afterwards. It waits no longer than ctx: another handler's MarshalJSON may
// hang.
func takeTurn(ctx context.Context) (over func()) {
	select {
	case encoding <- struct{}{}:
		return func() { <-encoding }
	case <-ctx.Done():
		return func() {}
	}
}

// Encode returns v as JSON that can be stored: valid UTF-8, without U+0000 or
// NaN, and at most state.MaxResult bytes. The errors are CodeInvalidResult and
// CodeResultTooLarge. Encode does not recover from a panic in MarshalJSON.
func Encode(v any) ([]byte, error) {
	const op = "handlers.Encode"

	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, state.Wrap(state.CodeInvalidResult, op, "the value cannot be encoded as JSON", err)
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

// hasNUL reports whether valid JSON contains the character U+0000, which JSON
// can only write as an escape.
func hasNUL(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}

		i++ // an escaped character does not start another escape
		if i+4 < len(b) && b[i] == 'u' && string(b[i+1:i+5]) == "0000" {
			return true
		}
	}

	return false
}
