package coremachine

import (
	"context"
	"errors"
	"log/slog"

	"coremachine/internal/clock"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// errPanicked is why the handlers of a message end on which the engine
// panicked.
var errPanicked = errors.New("the engine panicked on this message")

// catch calls fn and turns a panic into an error with CodeEnginePanic that
// holds the stack.
func catch(op string, fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = state.Panicked(state.CodeEnginePanic, op, "the engine", v)
		}
	}()

	return fn()
}

// inOwnGoroutine is catch for user code that may call runtime.Goexit, which
// would end the goroutine that serves the queue: that is an error with
// CodePlanner.
func inOwnGoroutine(op, what string, fn func() error) error {
	err := error(
		state.Errorf(
			state.CodePlanner,
			op,
			"%s called runtime.Goexit instead of returning (FailNow of a test does so)",
			what,
		),
	)

	over := make(chan struct{})
	go func() {
		defer close(over)

		err = catch(op, fn)
	}()

	<-over

	return err
}

// isPanic reports whether err is, or wraps, what catch made of a panic. It is
// for the engine's own errors: methods of a handler's error can panic again.
func isPanic(err error) bool {
	return errors.Is(err, &state.Error{Code: state.CodeEnginePanic})
}

// guard calls fn and logs a panic. It is for what may fail without harm to
// work.
func (m *Machine) guard(op string, fn func()) (panicked bool) {
	err := catch(op, func() error {
		fn()
		return nil
	})
	if err != nil {
		m.logPanic(err)
	}

	return err != nil
}

func (m *Machine) logPanic(err error, attrs ...any) {
	attrs = append(attrs, slog.Any(keys.Error, err), slog.String(keys.Stack, stackOf(err)))
	m.log.Error("the engine panicked", attrs...)
}

// keepRunning runs a loop of the process until ctx ends, and starts it again if
// it panics.
func (m *Machine) keepRunning(ctx context.Context, op string, loop func()) {
	for m.guard(op, loop) {
		if !clock.Sleep(ctx, m.cfg.Renew) {
			return
		}
	}
}

// protect does the work on a message. A panic of the engine ends the contexts
// of its handlers, puts the message back and is counted on its row. If that
// fails too, the process forgets the message, and a later renewal releases it.
func (m *Machine) protect(s *session, h *inFlight, work func() error) error {
	err := catch("coremachine.Handle", work)
	if !isPanic(err) {
		return err
	}

	attrs := []any{keys.Worker, s.worker}
	if h.claimed.Load() {
		attrs = append(
			attrs,
			keys.JobID,
			h.JobID,
			keys.Stage,
			h.StageName,
			keys.TraceID,
			traceID(h.Traceparent),
		)
	}

	m.logPanic(err, attrs...)

	if !h.claimed.Load() {
		return state.Wrap(state.CodeUnavailable, "coremachine.Handle", "claiming the message failed", err)
	}

	h.cancel(errPanicked)

	return m.releasePanicked(s, h, err)
}
