package api

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"coremachine/internal/httpserver"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
	"coremachine/internal/view"
)

func requestAttr(r *http.Request) slog.Attr {
	return slog.String("request_id", httpserver.RequestID(r.Context()))
}

// identify assigns an ID to the request.
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(httpserver.Identify(w, r)) },
	)
}

// observe logs each request once and converts a panic into a 500.
func (a *API) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()

		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer a.logRequest(ww, r, begin)
		defer a.rescue(ww, r)

		next.ServeHTTP(ww, r)
	})
}

func (a *API) logRequest(w middleware.WrapResponseWriter, r *http.Request, begin time.Time) {
	a.Log.LogAttrs(r.Context(), slog.LevelDebug, "request", requestAttr(r), slog.String("method", r.Method),
		slog.String("path", r.URL.Path), slog.Int("status", w.Status()), slog.Int("bytes", w.BytesWritten()),
		slog.Duration("took", time.Since(begin)))
}

func (a *API) rescue(w middleware.WrapResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}

	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic value in the same way
		panic(p)
	}

	a.Log.LogAttrs(
		r.Context(),
		slog.LevelError,
		"a request panicked",
		slog.Any(keys.Error, p),
		requestAttr(r),
		slog.String("stack", string(debug.Stack())),
	)

	if w.Status() != 0 {
		panic(http.ErrAbortHandler) // the answer is incomplete, so the connection must not end normally
	}

	httpserver.WriteProblem(w, r, Problem{Status: http.StatusInternalServerError, Detail: internalDetail})
}

// guard sets the headers that every answer has. It rejects bodies that are too
// large and cross-origin writes.
func (a *API) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")

		if err := cross.Check(r); err != nil {
			a.linkHelp(w, view.RunbookAccess)
			httpserver.WriteProblem(
				w,
				r,
				Problem{Status: http.StatusForbidden, Detail: "Cross-origin writes are not allowed."},
			)

			return
		}

		if r.ContentLength > state.MaxBody {
			a.fail(w, r, tooLarge(nil))
			return
		}

		r.Body = http.MaxBytesReader(w, r.Body, state.MaxBody)
		next.ServeHTTP(w, r)
	})
}

func tooLarge(cause error) error {
	return state.Wrap(state.CodeTooLarge, "api", "The request body exceeds 1 MiB.", cause)
}

func (a *API) notFound(w http.ResponseWriter, r *http.Request) {
	a.fail(w, r, state.Errorf(state.CodeNotFound, "api", "No such path."))
}

// methods are the methods that at least one route accepts.
var methods = []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodPost}

func (a *API) wrongMethod(router chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if r.URL.RawPath != "" {
			path = r.URL.RawPath
		}

		var allowed []string

		for _, m := range methods {
			if router.Match(chi.NewRouteContext(), m, path) {
				allowed = append(allowed, m)
			}
		}

		if slices.Contains(allowed, http.MethodGet) && !slices.Contains(allowed, http.MethodHead) {
			allowed = append(allowed, http.MethodHead)
		}

		if len(allowed) == 0 {
			a.notFound(w, r)
			return
		}

		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		httpserver.WriteProblem(w, r, Problem{
			Status: http.StatusMethodNotAllowed,
			Detail: "The path supports " + strings.Join(allowed, ", ") + ".",
		})
	}
}
