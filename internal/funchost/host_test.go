package funchost_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"coremachine/internal/funchost"
	"coremachine/internal/state"
)

func TestProbeSucceedsBeforeStartUp(t *testing.T) {
	t.Parallel()
	b := setup(
		t,
		funchost.Options{Work: funchost.Work{Ready: func() error { return errors.New("no database") }}},
		nil,
	)
	wantStatus(t, b.run(t, http.MethodGet, "/", ""), http.StatusOK)
	wantStatus(t, b.run(t, http.MethodHead, "/", ""), http.StatusOK)
	wantStatus(t, b.run(t, http.MethodPost, "/", ""), http.StatusNotFound)
}

func TestAPIBeforeStartUp(t *testing.T) {
	t.Parallel()

	b := setup(t, funchost.Options{}, nil)
	for path, want := range map[string]int{
		"/api/livez": 200, "/api/health/livez": 200, "/api/readyz": 503, "/api/jobs": 503, "/api": 503,
		"/apis": 404, "/other": 404,
	} {
		w := b.run(t, http.MethodGet, path, "")
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}

		if w.Code == 503 &&
			(w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/problem+json") {
			t.Errorf("%s: got headers %v, want Retry-After and a problem", path, w.Header())
		}
	}
}

func TestAPIReceivesUnmodifiedRequests(t *testing.T) {
	t.Parallel()

	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}

		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte(r.Method + " " + r.RequestURI + " " + string(body))) //nolint:gosec // the test reads it
	})
	b := setup(t, funchost.Options{Work: funchost.Work{API: api}}, nil)
	w := b.run(t, http.MethodPut, "/api/jobs/7%2F8?tag=a&tag=b", "{}")
	wantStatus(t, w, http.StatusTeapot)

	if got, want := w.Body.String(), "PUT /api/jobs/7%2F8?tag=a&tag=b {}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The platform requests the probes without a key, below the only route that
// does not require one.
func TestProbesBelowHealthRoute(t *testing.T) {
	t.Parallel()

	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.URL.Path)) //nolint:gosec // the test reads it
	})

	b := setup(t, funchost.Options{Work: funchost.Work{API: api}}, nil)
	for path, want := range map[string]string{
		"/api/health":         "/api/health",
		"/api/health/livez":   "/api/livez",
		"/api/health/readyz":  "/api/readyz",
		"/api/readyz":         "/api/readyz",
		"/api/health/jobs":    "/api/health/jobs",
		"/api/health/livez/x": "/api/health/livez/x",
	} {
		if got := b.run(t, http.MethodGet, path, "").Body.String(); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// An outside caller can reach every path below the prefix. None of them may
// reach a trigger, with any headers.
func TestTriggersCannotBeReachedFromOutside(t *testing.T) {
	t.Parallel()
	b := setup(t, funchost.Options{Work: funchost.Work{API: http.NotFoundHandler()}}, nil)

	err := b.host.Install(funchost.Work{API: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the request reached the API")
	})})
	if err != nil {
		t.Fatal(err)
	}

	for _, path := range []string{
		"/api/process_task", "/api/process_task/", "/api/sweep",
		"/api/../process_task", "/api/%2e%2e/process_task", "/api//process_task",
		"/api/ui/..%2fjobs", `/api/ui/..\jobs`, "/api/ui/./jobs", "/api/health//../jobs",
	} {
		w := b.run(
			t,
			http.MethodPost,
			path,
			envelope(t, message(t, 1)),
			"X-Azure-Functions-InvocationId",
			"forged",
		)
		wantStatus(t, w, http.StatusNotFound)
	}

	for _, path := range []string{"/Process_Task", "/process_task/", "//process_task", "/submit_job", "/api2"} {
		wantStatus(t, b.run(t, http.MethodPost, path, envelope(t, message(t, 1))), http.StatusNotFound)
	}

	if got := b.host.Stats().Calls; got != 0 {
		t.Errorf("got %d trigger calls, want none", got)
	}
}

func TestTriggersAcceptOnlyPostsOfHost(t *testing.T) {
	t.Parallel()
	b := setup(t, funchost.Options{}, nil)
	wantStatus(t, b.run(t, http.MethodGet, "/process_task", ""), http.StatusMethodNotAllowed)
	wantStatus(
		t,
		b.run(t, http.MethodPost, "/process_task", "{}", "Origin", "https://example.org"),
		http.StatusNotFound,
	)
}

func TestNewRejectsInvalidPrefix(t *testing.T) {
	t.Parallel()

	for _, prefix := range []string{"/", "api", "/api/"} {
		_, err := funchost.New(funchost.Options{Prefix: prefix})
		if !errors.Is(err, &state.Error{Code: state.CodeInvalid}) {
			t.Errorf("%q: got %v, want an error with code invalid", prefix, err)
		}
	}
}
