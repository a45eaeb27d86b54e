package handlers

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coremachine/internal/state"
)

// TaskType names a task type and fixes the Go types of its input and result, so that a planner of the wrong type does not
// compile. Its text is the key in All.
type TaskType[In, Out any] string

// Handler is a task type as declared: a function and its policy. Make one with Func; it is immutable.
type Handler struct {
	run     func(context.Context, Task, []byte) ([]byte, error)
	in, out reflect.Type
	retry   state.Backoff
	timeout time.Duration
	queue   state.Queue
	needs   []string
}

// DefaultTimeout is how long an attempt may take unless its handler says otherwise.
const DefaultTimeout = 5 * time.Minute

// Option changes the policy of a handler.
type Option func(*Handler)

// Attempts sets how often a task is tried in all, the first included.
func Attempts(n int) Option { return func(h *Handler) { h.retry.Attempts = n } }

// Base sets the wait before the second try.
func Base(d time.Duration) Option { return func(h *Handler) { h.retry.Base = d } }

// Factor sets by what each wait is longer than the one before.
func Factor(f float64) Option { return func(h *Handler) { h.retry.Factor = f } }

// Cap sets the longest wait.
func Cap(d time.Duration) Option { return func(h *Handler) { h.retry.Cap = d } }

// Jitter sets the share of a wait that is drawn at random, 0 to 1.
func Jitter(share float64) Option { return func(h *Handler) { h.retry.Jitter = share } }

// Timeout sets how long an attempt may take.
func Timeout(d time.Duration) Option { return func(h *Handler) { h.timeout = d } }

// Long sends the type's tasks through the queue long-tasks, which scales and is throttled on its own.
func Long() Option { return func(h *Handler) { h.queue = state.QueueLongTasks } }

// Needs names fields of Deps that must not be nil, or the process is not ready.
func Needs(fields ...string) Option { return func(h *Handler) { h.needs = fields } }

// Func declares a handler.
func Func[In, Out any](fn func(context.Context, Task, In) (Out, error), opts ...Option) Handler {
	h := Handler{
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](),
		retry: state.DefaultBackoff, timeout: DefaultTimeout, queue: state.QueueTasks,
	}
	for _, opt := range opts {
		opt(&h)
	}
	h.run = func(ctx context.Context, t Task, input []byte) ([]byte, error) {
		var in In
		if err := decode(input, &in); err != nil {
			return nil, Permanent(state.Wrap(state.CodePermanent, "handlers.Run", "the input cannot be decoded", err))
		}
		out, err := fn(ctx, t, in)
		if err != nil {
			return nil, err
		}
		return Encode(out)
	}
	return h
}

// Retry is the retry policy.
func (h Handler) Retry() state.Backoff { return h.retry }

// Timeout is how long an attempt may take.
func (h Handler) Timeout() time.Duration { return h.timeout }

// Queue is the queue that carries the type's tasks.
func (h Handler) Queue() state.Queue { return h.queue }

// In is the Go type of an input.
func (h Handler) In() reflect.Type { return h.in }

// Out is the Go type of a result.
func (h Handler) Out() reflect.Type { return h.out }

// Needs lists the fields of Deps that must not be nil.
func (h Handler) Needs() []string { return h.needs }

// Run calls the handler with an input as JSON and returns its result as JSON. A panic is an error with CodePanic; a result that
// cannot be stored is one with CodeInvalidResult or CodeResultTooLarge; any other error is the handler's own.
func (h Handler) Run(ctx context.Context, t Task, input []byte) (result []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			t.logger().Error("a handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			result, err = nil, state.Errorf(state.CodePanic, "handlers.Run", "the handler panicked: %v", p)
		}
	}()
	return h.run(ctx, t, input)
}

// Encode makes the JSON of a result and checks that it can be stored: UTF-8, no U+0000, no number that JSON lacks, at most
// state.MaxResult bytes.
func Encode(v any) ([]byte, error) {
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(false))
	if err != nil {
		return nil, state.Wrap(state.CodeInvalidResult, "handlers.Encode", "the result is not JSON", err)
	}
	if len(b) > state.MaxResult {
		return nil, state.Errorf(state.CodeResultTooLarge, "handlers.Encode", "the result has %d bytes; the limit is %d", len(b), state.MaxResult)
	}
	if bytes.Contains(b, []byte(`\u0000`)) && hasNUL(b) {
		return nil, state.Errorf(state.CodeInvalidResult, "handlers.Encode", "the result holds U+0000, which cannot be stored")
	}
	return b, nil
}

// hasNUL looks for the escape of U+0000 that is not itself escaped.
func hasNUL(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if bytes.HasPrefix(b[i:], []byte(`\u0000`)) {
			return true
		}
		i++ // the escaped character
	}
	return false
}

// decode is strict about what the declaring build wrote: exact-case keys and none twice. Unknown keys are let through, so that an
// input planned by a newer build still runs.
func decode(b []byte, v any) error {
	if len(b) == 0 {
		b = []byte("{}")
	}
	return json.Unmarshal(b, v)
}
