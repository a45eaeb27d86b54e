package funchost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Pauses between attempts of a trigger that cannot work. Each is random between
// half of its length and all of it.
const (
	firstPause = 50 * time.Millisecond
	longPause  = 2 * time.Second
	// errorPause delays the response to an error, because the host delivers
	// again without delay.
	errorPause = time.Second
	// maxDrain limits how many bytes of an oversized request are read and
	// dropped, so that the host receives the response.
	maxDrain = 64 << 20
)

// Invocation is one message or tick to handle.
type Invocation struct {
	Function string
	// ID is the host's invocation ID, for the log.
	ID string
	// Traceparent is the W3C trace context of the host's call, or empty.
	Traceparent string
	Message     state.Message // for queue triggers
	// Deliveries is a hint for queue triggers: 1 on the first delivery, 0 if
	// unknown.
	Deliveries int
	// PastDue is true for a timer tick that is late.
	PastDue bool
	// Log has the function, the invocation ID and the trace context as fields.
	Log *slog.Logger
}

type invocationKey struct{}

// FromContext returns the invocation of a trigger's context.
func FromContext(ctx context.Context) (Invocation, bool) {
	inv, ok := ctx.Value(invocationKey{}).(Invocation)
	return inv, ok
}

func (h *Host) serveTrigger(w http.ResponseWriter, r *http.Request, f Function) {
	h.stats.calls.Add(1)

	inv := Invocation{
		Function:    f.Name,
		ID:          truncate(r.Header.Get("X-Azure-Functions-InvocationId")),
		Traceparent: truncate(r.Header.Get("Traceparent")),
	}
	inv.Log = h.log.With(keys.Function, f.Name, "invocation_id", inv.ID, "traceparent", inv.Traceparent)

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEnvelope))

	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		inv.Log.Warn("request of the host is incomplete", keys.Error, err)
		nack(w, state.CodeMalformed)

		return
	}

	if err != nil {
		h.stats.malformed.Add(1)

		_, _ = io.CopyN(io.Discard, r.Body, maxDrain) // the response is the same if it fails

		inv.Log.Error("oversized message dropped", "limit_bytes", maxEnvelope)
		ack(w)

		return
	}

	invocations := h.unwrap(body, f, inv)
	if len(invocations) == 0 {
		ack(w)
		return
	}

	if err := h.run(r.Context(), invocations); err != nil {
		h.stats.failed.Add(1)

		code := state.CodeOf(err)
		inv.Log.Warn("trigger failed, the host delivers it again", "code", string(code), keys.Error, err)
		nack(w, code)

		return
	}

	ack(w)
}

// unwrap returns one invocation for each message of the envelope, or one for a
// tick. It logs and drops malformed messages, because a redelivery cannot
// succeed. If a row belongs to such a message, the sweep recovers it.
func (h *Host) unwrap(body []byte, f Function, inv Invocation) []Invocation {
	envelope, err := ParseEnvelope(body, f.Binding)

	inv.Deliveries, inv.PastDue = envelope.Deliveries, envelope.PastDue
	if f.Kind == KindTimer {
		// tick carries no data.
		return []Invocation{inv}
	}

	if err == nil && len(envelope.Bodies) == 0 {
		err = state.Errorf(state.CodeMalformed, "funchost.unwrap", "the message is empty")
	}

	if err != nil {
		h.stats.malformed.Add(1)
		inv.Log.Error("malformed envelope dropped", keys.Error, err, "bytes", len(body))

		return nil
	}

	invocations := make([]Invocation, 0, len(envelope.Bodies))
	for _, body := range envelope.Bodies {
		m, err := state.DecodeMessage(body)
		if err != nil {
			h.stats.malformed.Add(1)
			inv.Log.Error(
				"malformed message dropped",
				keys.Error,
				err,
				"bytes",
				len(body),
				"transport_id",
				envelope.MessageID,
			)

			continue
		}

		inv.Message = m
		invocations = append(invocations, inv)
	}

	return invocations
}

// run calls the trigger for all messages in order, until the deadline. A callee
// that has not returned by then is abandoned.
func (h *Host) run(request context.Context, invocations []Invocation) error {
	limit := context.WithoutCancel(request)

	if h.deadline > 0 {
		var expire context.CancelFunc

		limit, expire = context.WithTimeout(limit, h.deadline)
		defer expire()
	}

	ctx, cancel := context.WithCancel(limit)
	defer cancel()
	defer context.AfterFunc(h.base, cancel)() // ends with the process, not with the request

	h.stats.running.Add(1)

	done := make(chan error, 1)

	go func() {
		defer h.stats.running.Add(-1)

		done <- h.callAll(ctx, invocations)
	}()

	select {
	case err := <-done:
		return err
	case <-limit.Done():
	}

	select { // if both are ready, the result counts
	case err := <-done:
		return err
	default:
	}

	h.stats.abandoned.Add(1)

	return state.Wrap(
		state.CodeTimeout,
		"funchost.do",
		"the call did not return in time and was abandoned",
		limit.Err(),
	)
}

func (h *Host) callAll(ctx context.Context, invocations []Invocation) error {
	held, cancel := context.WithTimeout(ctx, h.hold)
	defer cancel()
	defer context.AfterFunc(h.stopping, cancel)() // ends when Serve begins to stop, not with the request

	for _, inv := range invocations {
		if err := h.callUntilHeld(context.WithValue(ctx, invocationKey{}, inv), held, inv); err != nil {
			return err
		}
	}

	return nil
}

// callUntilHeld repeats a call that cannot work now until held ends. Then it
// returns the last error.
func (h *Host) callUntilHeld(ctx, held context.Context, inv Invocation) error {
	err := h.call(ctx, inv)
	if err == nil {
		return nil
	}

	if state.CodeOf(err) != state.CodeUnavailable {
		clock.Sleep(held, errorPause/2+rand.N(errorPause/2))
		return err
	}

	h.stats.holding.Add(1)
	defer h.stats.holding.Add(-1)

	inv.Log.Info("trigger is unavailable, response delayed", keys.Error, err)

	wait := clock.Backoff{Min: firstPause, Max: longPause}
	for wait.Sleep(held) {
		err = h.call(ctx, inv)
		if state.CodeOf(err) != state.CodeUnavailable {
			return err
		}
	}

	return err
}

func (h *Host) call(ctx context.Context, inv Invocation) (err error) {
	work := h.work.Load()
	if work == nil {
		return state.Errorf(state.CodeUnavailable, "funchost.call", "startup is not complete")
	}
	defer func() {
		if p := recover(); p != nil {
			h.stats.panics.Add(1)
			inv.Log.Error("trigger panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))

			err = state.Errorf(state.CodePanic, "funchost.call", "the trigger panicked")
		}
	}()

	if work.Ready != nil {
		if err := work.Ready(); err != nil {
			return state.Wrap(state.CodeUnavailable, "funchost.call", "not ready", err)
		}
	}

	trigger := work.Triggers[inv.Function]
	if trigger == nil {
		return state.Errorf(
			state.CodeUnavailable,
			"funchost.call",
			"this process does not serve %s",
			inv.Function,
		)
	}

	return trigger(ctx, inv)
}

// truncate limits the length of a header in the log.
func truncate(s string) string {
	const maxBytes = 128
	if len(s) > maxBytes {
		return s[:maxBytes]
	}

	return s
}
