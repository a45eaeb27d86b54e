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

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Waits between tries of a held trigger, each drawn between half and all of its
// length.
const (
	firstPause = 50 * time.Millisecond
	longPause  = 2 * time.Second
	errorPause = time.Second // before an error is answered: the host delivers again without any delay
	// bytes of an oversized request that are read and dropped, so that its
	// answer is heard
	drainMost = 64 << 20
)

// Invocation is one message or tick to work on.
type Invocation struct {
	Function    string
	ID          string        // of the host, for the log
	Traceparent string        // W3C trace context of the host's call, "" when there is none
	Message     state.Message // queue triggers
	Deliveries  int           // queue triggers: a hint, 1 on the first delivery, 0 when unknown
	PastDue     bool          // timers: the tick is late
	Log         *slog.Logger  // carries function, invocation id and trace context
}

type invocationKey struct{}

// FromContext returns the invocation that a trigger's context belongs to.
func FromContext(ctx context.Context) (Invocation, bool) {
	inv, ok := ctx.Value(invocationKey{}).(Invocation)
	return inv, ok
}

func (h *Host) serveTrigger(w http.ResponseWriter, r *http.Request, f Function) {
	h.stats.calls.Add(1)

	inv := Invocation{
		Function:    f.Name,
		ID:          short(r.Header.Get("X-Azure-Functions-InvocationId")),
		Traceparent: short(r.Header.Get("Traceparent")),
	}
	inv.Log = h.log.With(keys.Function, f.Name, "invocation_id", inv.ID, "traceparent", inv.Traceparent)

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEnvelope))

	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		inv.Log.Warn("the host's request broke off", keys.Error, err)
		split(w, state.CodeMalformed)

		return
	}

	if err != nil {
		h.stats.malformed.Add(1)

		_, _ = io.CopyN(io.Discard, r.Body, drainMost) // whatever comes of it, the answer below stands

		inv.Log.Error("a message is too large to be one of ours and was dropped", "limit_bytes", maxEnvelope)
		acknowledge(w)

		return
	}

	invocations := h.unwrap(body, f, inv)
	if len(invocations) == 0 {
		acknowledge(w)
		return
	}

	if err := h.do(r.Context(), invocations); err != nil {
		h.stats.failed.Add(1)

		code := state.CodeOf(err)
		inv.Log.Warn("the trigger was handed back", "code", string(code), keys.Error, err)
		split(w, code)

		return
	}

	acknowledge(w)
}

// unwrap makes one invocation per message of the envelope, or one for a tick.
// What cannot be read is logged and left out: no redelivery can mend it, and
// the row of a real message is found by the sweep.
func (h *Host) unwrap(body []byte, f Function, inv Invocation) []Invocation {
	envelope, err := ParseEnvelope(body, f.Binding)

	inv.Deliveries, inv.PastDue = envelope.Deliveries, envelope.PastDue
	if f.Kind == KindTimer {
		return []Invocation{inv} // a tick says nothing but that it is time
	}

	if err == nil && len(envelope.Bodies) == 0 {
		err = state.Errorf(state.CodeMalformed, "funchost.unwrap", "the message is empty")
	}

	if err != nil {
		h.stats.malformed.Add(1)
		inv.Log.Error("a malformed envelope was dropped", keys.Error, err, "bytes", len(body))

		return nil
	}

	all := make([]Invocation, 0, len(envelope.Bodies))
	for _, one := range envelope.Bodies {
		m, err := state.DecodeMessage(one)
		if err != nil {
			h.stats.malformed.Add(1)
			inv.Log.Error(
				"a malformed message was dropped",
				keys.Error,
				err,
				"bytes",
				len(one),
				"transport_id",
				envelope.MessageID,
			)

			continue
		}

		inv.Message = m
		all = append(all, inv)
	}

	return all
}

// do does one trigger call: all its messages in order, until the deadline. What
// has not returned by then is given up.
func (h *Host) do(request context.Context, invocations []Invocation) error {
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

		done <- h.all(ctx, invocations)
	}()

	select {
	case err := <-done:
		return err
	case <-limit.Done():
	}

	select { // both at once: what was done counts
	case err := <-done:
		return err
	default:
	}

	h.stats.abandoned.Add(1)

	return state.Wrap(
		state.CodeTimeout,
		"funchost.do",
		"the call did not return in time and was given up",
		limit.Err(),
	)
}

func (h *Host) all(ctx context.Context, invocations []Invocation) error {
	held, cancel := context.WithTimeout(ctx, h.hold)
	defer cancel()
	defer context.AfterFunc(h.stopping, cancel)() // ends with the process, not with the request

	for _, inv := range invocations {
		if err := h.one(context.WithValue(ctx, invocationKey{}, inv), held, inv); err != nil {
			return err
		}
	}

	return nil
}

// one repeats a call that cannot be done now until held ends, and then returns
// its last error.
func (h *Host) one(ctx, held context.Context, inv Invocation) error {
	err := h.call(ctx, inv)
	if err == nil {
		return nil
	}

	if state.CodeOf(err) != state.CodeUnavailable {
		pause(held, errorPause)
		return err
	}

	h.stats.holding.Add(1)
	defer h.stats.holding.Add(-1)

	inv.Log.Info("the trigger cannot work now and holds its answer", keys.Error, err)

	for wait := firstPause; pause(held, wait); wait = min(2*wait, longPause) {
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
		return state.Errorf(state.CodeUnavailable, "funchost.call", "start-up has not ended")
	}
	defer func() {
		if p := recover(); p != nil {
			h.stats.panics.Add(1)
			inv.Log.Error("a trigger panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))

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

// pause waits between half of d and d; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()

	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}

// short keeps a header that goes to the log from flooding it.
func short(s string) string {
	const most = 128
	if len(s) > most {
		return s[:most]
	}

	return s
}
