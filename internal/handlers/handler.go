package handlers

import (
	"context"
	"reflect"
	"time"

	"coremachine/internal/state"
)

// TaskType is the name of a task type, with the types of its input and its
// result. Each name stands for exactly one task type.
type TaskType[In, Out any] string

// DefaultTimeout is the time limit of one attempt unless Timeout sets another.
const DefaultTimeout = 5 * time.Minute

// Handler runs the tasks of one task type. The zero value cannot run tasks. Use
// Func to create a Handler.
type Handler struct {
	run     func(ctx context.Context, t Task, input []byte) ([]byte, error)
	in      reflect.Type
	out     reflect.Type
	part    reflect.Type // type of the emitted parts; nil if Emits was not used
	retry   state.Backoff
	timeout time.Duration
	queue   state.Queue
	needs   []string
}

// Option changes how a handler is run.
type Option func(*Handler)

// Func creates a handler from a function. In and Out are encoded as JSON, so
// their fields carry json tags in snake_case. Without options, the handler has
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

// Attempts sets the maximum number of attempts of a task, including the first.
// The minimum is 1.
func Attempts(n int) Option { return func(h *Handler) { h.retry.Attempts = n } }

// Base sets the wait before the second attempt.
func Base(d time.Duration) Option { return func(h *Handler) { h.retry.Base = d } }

// Factor multiplies the wait after each further attempt. The minimum is 1.
func Factor(f float64) Option { return func(h *Handler) { h.retry.Factor = f } }

// Cap sets the maximum wait between two attempts.
func Cap(d time.Duration) Option { return func(h *Handler) { h.retry.Cap = d } }

// Jitter sets the share of each wait that is random, from 0 (none) to 1 (all of
// it).
func Jitter(share float64) Option { return func(h *Handler) { h.retry.Jitter = share } }

// Timeout sets the time limit of one attempt. When it expires, the context of
// the attempt ends and the attempt counts as failed.
func Timeout(d time.Duration) Option { return func(h *Handler) { h.timeout = d } }

// Long sends the tasks to the queue "long-tasks", so that they do not delay
// short tasks.
func Long() Option { return func(h *Handler) { h.queue = state.QueueLongTasks } }

// Emits declares the type of the parts that the handler passes to Task.Emit.
// Stages that are planned from parts name the same type, and the start-up check
// compares the two.
func Emits[Part any]() Option { return func(h *Handler) { h.part = reflect.TypeFor[Part]() } }

// Needs names the fields of Deps that the handler requires. If one of them is
// nil at start-up, the process does not become ready.
func Needs(fields ...string) Option {
	return func(h *Handler) { h.needs = append(h.needs, fields...) }
}

// Retry returns the retry policy.
func (h Handler) Retry() state.Backoff { return h.retry }

// Timeout returns the time limit of one attempt.
func (h Handler) Timeout() time.Duration { return h.timeout }

// Queue returns the queue that carries the tasks.
func (h Handler) Queue() state.Queue { return h.queue }

// In returns the type of the input, or nil for the zero value.
func (h Handler) In() reflect.Type { return h.in }

// Out returns the type of the result, or nil for the zero value.
func (h Handler) Out() reflect.Type { return h.out }

// Part returns the type declared with Emits, or nil.
func (h Handler) Part() reflect.Type { return h.part }

// Needs returns the fields of Deps that the handler requires.
func (h Handler) Needs() []string { return h.needs }

// Runs reports whether the handler has a function.
func (h Handler) Runs() bool { return h.run != nil }
