package funchost

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"coremachine/internal/state"
)

// Defaults and limits of time.
const (
	DefaultPrefix = "/api"
	// DefaultHold is less than the 60 s for which the queue locks a message.
	DefaultHold = 45 * time.Second
	// AnswerMargin is how long before the host's function timeout a trigger is
	// answered.
	AnswerMargin = 30 * time.Second
)

// Deadline returns how long a trigger can take before it is answered without
// its callee: the function timeout less AnswerMargin, or half of a timeout
// under a minute. Zero means an unlimited timeout and returns zero, which means
// no deadline.
func Deadline(functionTimeout time.Duration) time.Duration {
	return max(functionTimeout-AnswerMargin, functionTimeout/2)
}

// Trigger handles one message or one tick. If it returns nil, the message is
// acknowledged. If it returns an error with CodeUnavailable, the call is
// repeated until Hold has passed. After any other error, the message is
// delivered again. The context ends at the deadline and when the process stops.
// It does not end when the host disconnects, because the work still has an
// effect.
type Trigger func(ctx context.Context, inv Invocation) error

// Options configures a Host. Install can set the Work later, so that the port
// opens before start-up.
type Options struct {
	// Prefix is the route prefix of host.json with a leading slash. Empty means
	// DefaultPrefix, and "/" is rejected.
	Prefix string
	// FunctionTimeout is functionTimeout of host.json. Zero means unlimited.
	FunctionTimeout time.Duration
	// Hold is how long a trigger that cannot work keeps trying. Zero means
	// DefaultHold.
	Hold time.Duration
	// Log can be nil.
	Log *slog.Logger
	Work
}

// Work is what a Host serves after start-up.
type Work struct {
	// API gets every request below the prefix. Only the paths of the probes are
	// changed. If it is nil, the response is 503.
	API http.Handler
	// Triggers are keyed by function name, as in Functions.
	Triggers map[string]Trigger
	// Ready is called before each trigger and must be quick. While it returns
	// an error, triggers wait. Nil means always ready.
	Ready func() error
}

// Host handles all requests of the Functions host. Create it with New.
type Host struct {
	prefix   string
	deadline time.Duration
	hold     time.Duration
	log      *slog.Logger
	work     atomic.Pointer[Work]
	stats    counters

	base     context.Context // ends finishTime after the stop, and cancels running calls
	cancel   context.CancelFunc
	stopping context.Context // ends when Serve begins to stop, and ends all holds
	stop     context.CancelFunc
}

// New checks the options. For invalid ones it returns an error with
// CodeInvalid.
func New(o Options) (*Host, error) {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}

	if !strings.HasPrefix(o.Prefix, "/") || strings.HasSuffix(o.Prefix, "/") {
		return nil, state.Invalid(
			"funchost.New",
			"invalid route prefix, which must keep outside callers from the triggers",
			state.FieldError{
				Field:   "prefix",
				Message: "must begin with a slash, not end with one, and not be empty",
			},
		)
	}

	if o.Hold == 0 {
		o.Hold = DefaultHold
	}

	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}

	h := &Host{prefix: o.Prefix, deadline: Deadline(o.FunctionTimeout), hold: o.Hold, log: o.Log}
	h.base, h.cancel = context.WithCancel(context.Background())

	h.stopping, h.stop = context.WithCancel(h.base)
	if o.API == nil && o.Triggers == nil && o.Ready == nil {
		return h, nil
	}

	return h, h.Install(o.Work)
}

// Install atomically replaces the work. Running calls continue with the
// previous work. If a trigger is not for a queue or timer function of the
// table, Install returns an error with CodeInvalid and changes nothing.
func (h *Host) Install(w Work) error {
	var bad []state.FieldError

	for name, t := range w.Triggers {
		f, ok := Lookup(name)
		if !ok || f.Kind == KindHTTP {
			bad = append(
				bad,
				state.FieldError{Field: name, Message: "is not a queue or timer function"},
			)
		}

		if t == nil {
			bad = append(bad, state.FieldError{Field: name, Message: "the trigger is nil"})
		}
	}

	if len(bad) > 0 {
		return state.Invalid("funchost.Install", "invalid triggers", bad...)
	}

	h.work.Store(&w)

	return nil
}

// ServeHTTP handles a request. It neither cleans paths nor redirects, as a
// http.ServeMux would: that would route /api/../process_task to a trigger.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if path == "/" {
		h.probe(w, r)
		return
	}

	if path == h.prefix || strings.HasPrefix(path, h.prefix+"/") {
		h.serveAPI(w, r)
		return
	}

	f, ok := Lookup(strings.TrimPrefix(path, "/"))
	if !ok || f.Kind == KindHTTP {
		writeProblem(w, r, http.StatusNotFound, "The path does not exist.")
		return
	}
	// A page in a developer's browser can post to loopback. It always sends an
	// Origin header, and the host never does.
	if r.Header.Get("Origin") != "" {
		writeProblem(w, r, http.StatusNotFound, "The path does not exist.")
		return
	}

	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeProblem(w, r, http.StatusMethodNotAllowed, "Triggers accept POST only.")

		return
	}

	h.serveTrigger(w, r, f)
}

func (h *Host) probe(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeProblem(w, r, http.StatusNotFound, "The path does not exist.")
		return
	}

	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusOK)
}

func (h *Host) serveAPI(w http.ResponseWriter, r *http.Request) {
	rest := strings.TrimPrefix(r.URL.Path, h.prefix)

	f, isFunction := Lookup(strings.Trim(rest, "/"))
	if (isFunction && f.Kind != KindHTTP) || hasDotSegment(rest) {
		writeProblem(w, r, http.StatusNotFound, "The path does not exist.")
		return
	}

	if name, ok := strings.CutPrefix(rest, "/health/"); ok && (name == "livez" || name == "readyz") {
		rest = "/" + name // two routes return the same, see Functions
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = h.prefix+rest, ""
	}

	if work := h.work.Load(); work != nil && work.API != nil {
		work.API.ServeHTTP(w, r)
		return
	}

	if rest == "/livez" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n")) // the client may have disconnected

		return
	}

	w.Header().Set("Retry-After", "1")
	writeProblem(w, r, http.StatusServiceUnavailable, "The service is starting.")
}

// hasDotSegment reports whether a path contains a segment that can lead to
// another path. The host authorizes a caller by the literal path, so a path
// that it accepted as /api/ui/... must stay below that.
func hasDotSegment(path string) bool {
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == "." || segment == ".." {
			return true
		}
	}

	return strings.Contains(path, "//")
}
