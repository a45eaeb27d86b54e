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
	DefaultHold   = 45 * time.Second // below the 60 s for which the queue locks a message
	AnswerMargin  = 30 * time.Second // a trigger answers this long before the host's function timeout
)

// Deadline is how long a trigger may take before it is answered whether or not
// its callee has returned: the function timeout less AnswerMargin, or half of a
// timeout under a minute. Zero (the host waits for ever) gives zero, no
// deadline.
func Deadline(functionTimeout time.Duration) time.Duration {
	return max(functionTimeout-AnswerMargin, functionTimeout/2)
}

// Trigger does the work of one message or one tick. Nil acknowledges it. An
// error with CodeUnavailable says that it cannot be done now: the call is
// repeated until Hold is over. Any other error hands the message back for
// another delivery. The context ends at the deadline and when the process
// stops, not when the host goes away: the outcome counts, whoever hears of it.
type Trigger func(ctx context.Context, inv Invocation) error

// Options say how to serve. API, Triggers and Ready may come later, by Install,
// so that the port is open before anything else.
type Options struct {
	// route prefix of host.json with a leading slash; "" means DefaultPrefix,
	// "/" is refused
	Prefix          string
	FunctionTimeout time.Duration // host.json's functionTimeout; 0 means unlimited
	Hold            time.Duration // how long a trigger that cannot work keeps trying; 0 means DefaultHold
	Log             *slog.Logger  // nil discards
	Work
}

// Work is what there is to serve once start-up has ended.
type Work struct {
	// gets every request below the prefix, path untouched but for the probes;
	// nil answers 503
	API      http.Handler
	Triggers map[string]Trigger // by function name, from the table Functions
	// asked before each trigger call; an error means not now. nil means ready.
	// Must be quick
	Ready func() error
}

// Host is the handler of everything that the Functions host sends. Make it with
// New.
type Host struct {
	prefix   string
	deadline time.Duration
	hold     time.Duration
	log      *slog.Logger
	work     atomic.Pointer[Work]
	stats    counters

	base     context.Context // ends when the calls under way have had their time to finish
	cancel   context.CancelFunc
	stopping context.Context // ends when Serve begins to stop: no answer is held any longer
	stop     context.CancelFunc
}

// New checks the options. Bad ones are an Error with CodeInvalid.
func New(o Options) (*Host, error) {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}

	if !strings.HasPrefix(o.Prefix, "/") || strings.HasSuffix(o.Prefix, "/") {
		return nil, state.Invalid(
			"funchost.New",
			"the prefix keeps outside callers from the triggers",
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

// Install puts the work in place of what was there, atomically; calls under way
// end with what they began with. A trigger for anything but a queue or timer
// function of the table is an Error with CodeInvalid, and nothing changes.
func (h *Host) Install(w Work) error {
	var bad []state.FieldError

	for name, t := range w.Triggers {
		f, ok := Lookup(name)
		if !ok || f.Kind == KindHTTP {
			bad = append(
				bad,
				state.FieldError{Field: name, Message: "is no queue or timer function of the table"},
			)
		}

		if t == nil {
			bad = append(bad, state.FieldError{Field: name, Message: "has no Go function"})
		}
	}

	if len(bad) > 0 {
		return state.Invalid("funchost.Install", "the triggers do not match the table of functions", bad...)
	}

	h.work.Store(&w)

	return nil
}

// ServeHTTP answers one request. It cleans no path and follows no redirect: a
// mux would lead /api/../process_task to a trigger.
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
		refuse(w, r, http.StatusNotFound, "no such path")
		return
	}
	// A page in a developer's browser may post to loopback; it always says
	// where it comes from, and the host never does.
	if r.Header.Get("Origin") != "" {
		refuse(w, r, http.StatusNotFound, "no such path")
		return
	}

	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, r, http.StatusMethodNotAllowed, "a trigger is posted to")

		return
	}

	h.serveTrigger(w, r, f)
}

func (h *Host) probe(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, r, http.StatusNotFound, "no such path")
		return
	}

	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusOK)
}

func (h *Host) serveAPI(w http.ResponseWriter, r *http.Request) {
	rest := strings.TrimPrefix(r.URL.Path, h.prefix)

	f, isFunction := Lookup(strings.Trim(rest, "/"))
	if (isFunction && f.Kind != KindHTTP) || climbs(rest) {
		refuse(w, r, http.StatusNotFound, "no such path")
		return
	}

	if name, ok := strings.CutPrefix(rest, "/health/"); ok && (name == "livez" || name == "readyz") {
		rest = "/" + name // one answer under two routes: see Functions
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = h.prefix+rest, ""
	}

	if work := h.work.Load(); work != nil && work.API != nil {
		work.API.ServeHTTP(w, r)
		return
	}

	if rest == "/livez" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n")) // the prober may be gone

		return
	}

	w.Header().Set("Retry-After", "1")
	refuse(w, r, http.StatusServiceUnavailable, "the service is starting")
}

// climbs tells whether a path has a segment that could lead somewhere else than
// it says: the host decides who may call by the path that it was given, so what
// it let through as /api/ui/... must be that.
func climbs(path string) bool {
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == "." || segment == ".." {
			return true
		}
	}

	return strings.Contains(path, "//")
}
