package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"coremachine/internal/api"
	"coremachine/internal/coremachine"
	"coremachine/internal/state"
)

// refusing returns an engine whose submit always fails.
func refusing(err error) fakeEngine {
	return fakeEngine{submit: func(coremachine.SubmitRequest) (coremachine.SubmitResult, error) {
		return coremachine.SubmitResult{}, err
	}}
}

func TestEachErrorCodeHasOneStatus(t *testing.T) {
	t.Parallel()

	secret := errors.New(`pq: password "hunter2" in select * from jobs`)
	for _, c := range []struct {
		err    error
		status int
		detail string
		after  string
	}{
		{
			state.Errorf(state.CodeUnknownJobType, "x", "Unknown job type: nope. Available: [a, b]"),
			404,
			"Unknown job type: nope. Available: [a, b]",
			"",
		},
		{
			state.Invalid("x", "The parameters are wrong.", state.FieldError{Field: "n", Message: "is 0"}),
			400,
			"The parameters are wrong.",
			"",
		},
		{state.Errorf(state.CodeMalformed, "x", "It is not JSON at offset 3."), 400, "It is not JSON at offset 3.", ""},
		{state.Errorf(state.CodeTooLarge, "x", "It is too large."), 413, "It is too large.", ""},
		{state.Errorf(state.CodeConflict, "x", "It is being stopped."), 409, "It is being stopped.", ""},
		{state.Errorf(state.CodeBusy, "x", "60,000 tasks wait."), 429, "60,000 tasks wait.", "5"},
		{
			state.Wrap(state.CodeUnavailable, "x", "The database cannot be used now.", secret),
			503,
			"The database cannot be used now.",
			"1",
		},
		{state.Wrap(state.CodeInternal, "x", "a statement failed", secret), 500, "", ""},
		{state.Wrap(state.CodePlanner, "x", "the planner panicked", secret), 500, "", ""},
		{fmt.Errorf("wrapped: %w", state.Errorf(state.CodeConflict, "x", "It is running.")), 409, "It is running.", ""},
		{secret, 500, "", ""},
	} {
		s := start(t, refusing(c.err))
		got := s.call(http.MethodPost, "/jobs/submit/hello_world", `{"n":0}`)

		p := got.problem(c.status)
		if c.detail != "" && p.Detail != c.detail {
			t.Errorf("%v: the detail is %q", c.err, p.Detail)
		}

		if got.Header.Get("Retry-After") != c.after {
			t.Errorf("%v: Retry-After is %q", c.err, got.Header.Get("Retry-After"))
		}

		if text := string(got.Body); strings.Contains(text, "hunter2") || strings.Contains(text, "select") ||
			strings.Contains(text, "panicked") {
			t.Errorf("%v: the answer exposes %s", c.err, text)
		}

		if c.status >= 500 && !strings.Contains(s.log.String(), "hunter2") {
			t.Errorf("%v: the cause is not in the log: %s", c.err, s.log)
		}

		if c.status == 400 && strings.HasPrefix(p.Detail, "The parameters") &&
			!slices.Equal(p.Errors, []state.FieldError{{Field: "n", Message: "is 0"}}) {
			t.Errorf("the fields are %v", p.Errors)
		}
	}
}

func TestPanicReturnsInternalErrorWithoutStack(t *testing.T) {
	t.Parallel()
	s := start(
		t,
		fakeEngine{
			submit: func(coremachine.SubmitRequest) (coremachine.SubmitResult, error) { panic("hunter2") },
		},
	)

	got := s.call(http.MethodPost, "/jobs/submit/hello_world", `{}`)
	if got.problem(http.StatusInternalServerError); bytes.Contains(got.Body, []byte("hunter2")) ||
		bytes.Contains(got.Body, []byte(".go:")) {
		t.Errorf("the answer exposes internals: %s", got.Body)
	}

	if log := s.log.String(); !strings.Contains(log, "hunter2") || !strings.Contains(log, "errors_test.go") {
		t.Errorf("unexpected log: %s", log)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()

	s := start(t, fakeEngine{})
	for _, path := range []string{
		"", "/", "/nope", "/jobs/status/x/y", "/jobs/" + unknownID + "/nope", "/queues/tasks",
	} {
		s.call(http.MethodGet, path, nil).problem(http.StatusNotFound)
	}

	for _, c := range []struct{ method, path, allow string }{
		{"PUT", "/jobs", "GET, HEAD"},
		{"GET", "/jobs/submit/hello_world", "POST"},
		{"POST", "/jobs/status/" + unknownID, "GET, HEAD"},
		{"GET", "/jobs/" + unknownID, "DELETE"},
		{"DELETE", "/sweeps", "GET, HEAD, POST"},
		{"PATCH", "/livez", "GET, HEAD"},
		{"BREW", "/jobs", "GET, HEAD"},
		{"OPTIONS", "/jobs", "GET, HEAD"},
	} {
		got := s.call(c.method, c.path, nil)
		got.problem(http.StatusMethodNotAllowed)

		if allow := got.Header.Get("Allow"); allow != c.allow {
			t.Errorf("%s %s: Allow is %q, want %q", c.method, c.path, allow, c.allow)
		}

		if got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s %s allows other origins", c.method, c.path)
		}
	}

	head := s.call(http.MethodHead, "/jobs", nil).must(http.StatusOK)
	if len(head.Body) != 0 || head.Header.Get("Content-Length") == "" {
		t.Errorf("HEAD answered %v %q", head.Header, head.Body)
	}
}

func TestMalformedIDsAreRejected(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})

	for _, id := range []string{
		"x",
		strings.Repeat("A", 64),
		strings.Repeat("0", 63),
		strings.Repeat("0", 65),
		"%00" + unknownID,
		"..%2f" + unknownID,
	} {
		for _, route := range []string{
			"GET /jobs/status/%s", "POST /jobs/cancel/%s", "POST /jobs/retry/%s", "DELETE /jobs/%s",
			"GET /jobs/%s/tasks",
			"GET /jobs/%s/tasks/a/0", "GET /jobs/%s/events", "GET /jobs/%s/stream",
		} {
			method, path, _ := strings.Cut(route, " ")

			p := s.call(method, strings.Replace(path, "%s", id, 1), nil).problem(http.StatusBadRequest)
			if len(p.Errors) != 1 || p.Errors[0].Field != "job_id" {
				t.Errorf("%s with %q: %+v", route, id, p)
			}
		}
	}

	for _, path := range []string{
		"/jobs/status/%s",
		"/jobs/%s/tasks",
		"/jobs/%s/tasks/a/0",
		"/jobs/%s/events",
		"/jobs/%s/stream",
	} {
		s.call(http.MethodGet, strings.Replace(path, "%s", unknownID, 1), nil).problem(http.StatusNotFound)
	}

	p := s.call(http.MethodGet, "/jobs/x/tasks/a/-1?limit=3", nil).problem(http.StatusBadRequest)
	if len(p.Errors) != 3 {
		t.Errorf("not all problems are reported: %+v", p.Errors)
	}
}

func TestCrossOriginWritesAreRejected(t *testing.T) {
	t.Parallel()

	s := start(t, refusing(state.Errorf(state.CodeConflict, "x", "It got through.")))
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Origin", "https://evil.example"}, 403},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 409},
		{[]string{"Sec-Fetch-Site", "none"}, 409},
		{nil, 409},
	} {
		got := s.call(http.MethodPost, "/jobs/submit/hello_world", `{}`, c.headers...)
		got.problem(c.status)

		want := map[int]string{http.StatusForbidden: `</api/ui/help/operations#access>; rel="help"`}[c.status]
		if link := got.Header.Get("Link"); link != want {
			t.Errorf("%d leads to %q, want %q", c.status, link, want)
		}
	}

	s.call(http.MethodGet, "/jobs", nil, "Sec-Fetch-Site", "cross-site").must(http.StatusOK)
}

func TestBodiesOverTheLimitAreRejected(t *testing.T) {
	t.Parallel()

	read := 0
	s := start(t, fakeEngine{submit: func(r coremachine.SubmitRequest) (coremachine.SubmitResult, error) {
		read = len(r.Body)
		return coremachine.SubmitResult{}, state.Errorf(state.CodeConflict, "x", "It was read.")
	}})
	fits := `"` + strings.Repeat("x", state.MaxBody-2) + `"`
	s.call(http.MethodPost, "/jobs/submit/hello_world", fits).problem(http.StatusConflict)

	if read != state.MaxBody {
		t.Errorf("%d bytes arrived", read)
	}

	s.call(http.MethodPost, "/jobs/submit/hello_world", fits+" ").problem(http.StatusRequestEntityTooLarge)
	s.call(http.MethodPost, "/sweeps", fits+" ").problem(http.StatusRequestEntityTooLarge)

	chunked, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodPost,
		s.url+"/api/jobs/submit/hello_world",
		io.MultiReader(strings.NewReader(fits), strings.NewReader("  ")),
	)
	if err != nil {
		t.Fatal(err)
	}

	chunked.Header.Set("Content-Type", "application/json")
	s.do(chunked, nil).problem(http.StatusRequestEntityTooLarge)
}

func TestPlainRequestIDsAreKept(t *testing.T) {
	t.Parallel()

	s := start(t, fakeEngine{})
	for sent, kept := range map[string]bool{
		"abc-1.2_X":             true,
		"":                      false,
		"a b":                   false,
		strings.Repeat("a", 65): false,
		`a"b`:                   false,
	} {
		got := s.call(http.MethodGet, "/livez", nil, "X-Request-Id", sent).Header.Get("X-Request-Id")
		if (got == sent) != kept || got == "" {
			t.Errorf("%q became %q", sent, got)
		}
	}
}

func TestHealthAnswersWithoutAnEngine(t *testing.T) {
	t.Parallel()
	s := start(t, nil, func(o *api.Options) {
		o.Engine, o.Reader, o.JobWatcher = nil, nil, nil
		o.Health.Ready = func() []string { return []string{"DATABASE_URL: is required"} }
	})
	s.call(http.MethodGet, "/livez", nil).must(http.StatusOK)
	s.call(http.MethodGet, "/openapi.yaml", nil).must(http.StatusOK)

	for _, path := range []string{"/jobs", "/jobs/types", "/jobs/status/" + unknownID, "/queues"} {
		if p := s.call(http.MethodGet, path, nil).
			problem(http.StatusServiceUnavailable); !strings.Contains(p.Detail, "/api/readyz") {
			t.Errorf("%s: %+v", path, p)
		}
	}

	if got := s.call(http.MethodGet, "/readyz", nil).
		must(http.StatusServiceUnavailable); !strings.Contains(
		string(got.Body),
		"DATABASE_URL: is required",
	) {
		t.Errorf("unexpected readyz: %s", got.Body)
	}

	s.call(http.MethodGet, "/health", nil).must(http.StatusServiceUnavailable)
}

func TestUnavailableDatabaseIsNotAMissingJob(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, err := s.repo.ReadJob(ctx, state.JobID{}); state.CodeOf(err) != state.CodeUnavailable {
		t.Errorf("interrupted read: got %v", err)
	}

	s.pool.Close()

	p := s.call(http.MethodGet, "/jobs/status/"+unknownID, nil)
	if p.Status != http.StatusServiceUnavailable && p.Status != http.StatusInternalServerError {
		t.Errorf("answered %d %s", p.Status, p.Body)
	}
}
