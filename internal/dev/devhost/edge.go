package devhost

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"coremachine/internal/telemetry/keys"
)

// edge handles requests of clients: it applies the limits of the platform, then
// the keys and routes of the host.
func (h *Host) edge(w http.ResponseWriter, r *http.Request) {
	if h.local && !loopback(r.Host) {
		// With DNS rebinding, a page of another site can send requests to this
		// address under its own host name, and the browser treats them as
		// same-origin.
		http.Error(w, "This host answers to loopback names only, such as localhost.", http.StatusForbidden)
		return
	}

	if r.ContentLength > h.options.BodyLimit {
		http.Error(w, "", http.StatusRequestEntityTooLarge)
		return
	}

	body := &clientBody{ReadCloser: http.MaxBytesReader(w, r.Body, h.options.BodyLimit)}
	if r.Body != http.NoBody {
		r.Body = body
	}

	if normal := path.Clean(
		r.URL.Path,
	); normal != strings.TrimSuffix(r.URL.Path, "/") &&
		strings.Contains(r.URL.Path, "/.") {
		r.URL.Path, r.URL.RawPath = normal, "" // the real server resolves dot segments before routing
	}

	s := h.session.Load()
	if s == nil || s.ctx.Err() != nil {
		http.Error(w, "Function host is not running.", http.StatusServiceUnavailable)
		return
	}

	switch {
	case r.URL.Path == "/":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("Your Functions 4.0 app is up and running\n")) // the client may have disconnected

		return
	case strings.HasPrefix(r.URL.Path, "/admin/"):
		s.admin(w, r)
		return
	}

	f := h.find(r.Method, r.URL)
	if f == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}

	if !strings.EqualFold(f.Trigger.AuthLevel, "anonymous") && !h.authorized(r) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}

	if !s.calls.enter() {
		http.Error(w, "Function host is not running.", http.StatusServiceUnavailable)
		return
	}

	defer s.calls.leave()

	h.counters.requests.Add(1)
	s.serve(w, r, f, body)
}

// loopback reports whether a Host header names this machine.
func loopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}

	name = strings.ToLower(strings.Trim(name, "[]"))
	ip := net.ParseIP(name)

	return name == "localhost" || strings.HasSuffix(name, ".localhost") || ip != nil && ip.IsLoopback()
}

// clientBody records a failure to read the request body.
type clientBody struct {
	io.ReadCloser
	broken atomic.Bool
}

// Read reads the body.
func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)

	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, http.ErrBodyReadAfterClose) && !tooLarge {
		b.broken.Store(true)
	}

	return n, err
}

// statusClientClosed is the status that the platform logs for a client that has
// disconnected. A client that closed only its sending side receives it.
const statusClientClosed = 499

// authorized reports whether a request has a key, if keys are configured.
func (h *Host) authorized(r *http.Request) bool {
	if len(h.options.Keys) == 0 {
		return true
	}

	candidate := r.Header.Get("X-Functions-Key")
	if candidate == "" {
		candidate = r.URL.Query().Get("code")
	}

	for _, key := range h.options.Keys {
		if subtle.ConstantTimeCompare([]byte(key), []byte(candidate)) == 1 {
			return true
		}
	}

	return false
}

var errEdgeTimeout = errors.New("the platform's front end timed out")

// serve runs an HTTP invocation in the mode of host.json, within the time
// limits of the edge and of the function.
func (s *session) serve(
	w http.ResponseWriter,
	r *http.Request,
	f *Function,
	body *clientBody,
) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(errStopped) })() // ends with the session too

	e := &edgeWriter{ResponseWriter: w, patience: s.host.options.EdgeTimeout}

	e.timer = time.AfterFunc(e.patience, func() { cancel(errEdgeTimeout) })
	defer e.timer.Stop()

	p, err := s.hold(ctx)
	if err == nil {
		limited, stop := s.limit(ctx)
		defer stop()

		r = r.WithContext(limited)
		id := newID()

		if s.host.app.Proxy {
			err = s.proxy(e, r, id)
		} else {
			err = s.forward(e, r, id)
		}

		if err != nil && errors.Is(context.Cause(limited), errFunctionTimeout) {
			err = s.failure(limited, p, f, err)
		}
	}

	if err == nil {
		return
	}

	if body.broken.Load() && !e.begun() {
		http.Error(e, "The request body is malformed or incomplete.", http.StatusBadRequest)
		return
	}

	if r.Context().Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) { // the client disconnected
		s.host.log.Debug("HTTP client disconnected", keys.Function, f.Name)

		if !e.begun() {
			http.Error(e, "The client closed the request.", statusClientClosed)
		}

		return
	}

	s.host.log.Warn("HTTP invocation failed", keys.Function, f.Name, keys.Error, err)

	if e.begun() {
		panic(http.ErrAbortHandler) // the client must not mistake a partial response for a complete one
	}

	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		e.WriteHeader(http.StatusRequestEntityTooLarge)
	case errors.Is(context.Cause(ctx), errEdgeTimeout):
		e.WriteHeader(http.StatusGatewayTimeout)
	case errors.Is(err, errBadGateway):
		e.WriteHeader(http.StatusBadGateway)
	case errors.Is(err, errStopped):
		e.WriteHeader(http.StatusServiceUnavailable)
	default:
		e.WriteHeader(http.StatusInternalServerError)
	}
}

// edgeWriter restarts the timeout of the edge with each part of the response.
type edgeWriter struct {
	http.ResponseWriter
	patience time.Duration
	timer    *time.Timer
	mu       sync.Mutex
	wrote    bool
}

func (e *edgeWriter) begun() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.wrote
}

func (e *edgeWriter) touch() {
	e.mu.Lock()
	e.wrote = true
	e.mu.Unlock()
	e.timer.Reset(e.patience)
}

// WriteHeader starts the response, unless the status is informational.
func (e *edgeWriter) WriteHeader(status int) {
	if status >= http.StatusOK {
		e.touch()
	}

	e.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the response.
func (e *edgeWriter) Write(b []byte) (int, error) {
	e.touch()
	return e.ResponseWriter.Write(b)
}

// Unwrap allows http.ResponseController to flush.
func (e *edgeWriter) Unwrap() http.ResponseWriter { return e.ResponseWriter }
