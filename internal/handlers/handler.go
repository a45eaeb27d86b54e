package handlers

import (
	"context"
	"reflect"
	"time"

	"coremachine/internal/state"
)

// TaskType is the name of a task type, with the types of its input and its
// result. Two names are never the same task type.
type TaskType[In, Out any] string

// DefaultTimeout is how long one attempt may take unless Timeout says
// otherwise.
const DefaultTimeout = 5 * time.Minute

// Handler runs the tasks of one task type. The zero value runs nothing; make
// one with Func.
type Handler struct {
	run     func(ctx context.Context, t Task, input []byte) ([]byte, error)
	in      reflect.Type
	out     reflect.Type
	part    reflect.Type // nil: it declares no parts
	retry   state.Backoff
	timeout time.Duration
	queue   state.Queue
	needs   []string
}

// Option changes how a handler is run.
type Option func(*Handler)

// Func makes a handler of a function. In and Out are encoded as JSON: fields
// carry json tags in snake_case. Unless options say otherwise it has
// state.DefaultBackoff, DefaultTimeout and the queue "tasks".
func Func[In, Out any](fn func(context.Context, Task, In) (Out, error), opts ...Option) Handler {
	h := Handler{
		in:      reflect.TypeFor[In](),
		out:     reflect.TypeFor[Out](),
		retry:   state.DefaultBackoff,
		timeout: DefaultTimeout,
		queue:   state.QueueTasks,
	}
	if fn != nil {
		h.run = runner(fn)
	}

	for _, opt := range opts {
		opt(&h)
	}

	return h
}

// Attempts is how often a task is tried in all, the first time included; at
// least 1.
func Attempts(n int) Option { return func(h *Handler) { h.retry.Attempts = n } }

// Base is the wait before the second attempt.
func Base(d time.Duration) Option { return func(h *Handler) { h.retry.Base = d } }

// Factor multiplies the wait after each further attempt; at least 1.
func Factor(f float64) Option { return func(h *Handler) { h.retry.Factor = f } }

// Cap is the longest wait between two attempts.
func Cap(d time.Duration) Option { return func(h *Handler) { h.retry.Cap = d } }

// Jitter is the share of each wait that is drawn at random, from 0 (none) to 1
// (all of it).
func Jitter(share float64) Option { return func(h *Handler) { h.retry.Jitter = share } }

// Timeout is how long one attempt may take; then its context ends, and it
// counts as failed.
func Timeout(d time.Duration) Option { return func(h *Handler) { h.timeout = d } }

// Long puts the tasks on the queue "long-tasks", so that they hold up no short
// ones.
func Long() Option { return func(h *Handler) { h.queue = state.QueueLongTasks } }

// Emits declares the type of the parts that the handler passes to Task.Emit.
// Stages that are planned from parts name the same type, and the start-up check
// compares the two.
func Emits[Part any]() Option { return func(h *Handler) { h.part = reflect.TypeFor[Part]() } }

// Needs names fields of Deps that the handler cannot work without. Where one is
// nil at start-up the process does not become ready.
func Needs(fields ...string) Option {
	return func(h *Handler) { h.needs = append(h.needs, fields...) }
}

// Retry is the retry policy.
func (h Handler) Retry() state.Backoff { return h.retry }

// Timeout is how long one attempt may take.
func (h Handler) Timeout() time.Duration { return h.timeout }

// Queue is where the tasks are sent.
func (h Handler) Queue() state.Queue { return h.queue }

// In is the type of the input; nil for the zero value.
func (h Handler) In() reflect.Type { return h.in }

// Out is the type of the result; nil for the zero value.
func (h Handler) Out() reflect.Type { return h.out }

// Part is the type declared with Emits, or nil.
func (h Handler) Part() reflect.Type { return h.part }

// Needs lists the fields of Deps that it cannot work without.
func (h Handler) Needs() []string { return h.needs }

// Runs tells whether there is a function behind the handler.
func (h Handler) Runs() bool { return h.run != nil }
