package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, key string, handler http.HandlerFunc) *Client {
	t.Helper()

	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)

	c, err := New(server.URL, key)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(c.Close)

	return c
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()

	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(other.Close)
	c := serve(
		t,
		"secret",
		func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
	)
	_, err := c.Get(t.Context(), "/jobs", nil)

	var stranger *StrangerError
	if !errors.As(err, &stranger) || asked {
		t.Errorf("got %v, asked %v", err, asked)
	}
}

func TestProblemsAreReturnedUnchanged(t *testing.T) {
	t.Parallel()
	c := serve(t, "", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write(
			[]byte(
				`{"title":"Too Many Requests","status":200,"detail":"wait","request_id":"r",` +
					`"errors":[{"field":"a","message":"b"}]}`,
			),
		)
	})
	_, err := c.Post(t.Context(), "/jobs/submit/x", url.Values{"rerun": {"true"}}, nil)

	var refused *Error
	if !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}

	if refused.Status != 429 || refused.RetryAfter != "7" || refused.Message() != "wait" ||
		len(refused.Fields) != 1 ||
		refused.RequestID != "r" {
		t.Errorf("got %+v", refused)
	}
}

func TestForeignAnswersReturnStrangerError(t *testing.T) {
	t.Parallel()

	for name, handler := range map[string]http.HandlerFunc{
		"html":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"html_404": http.NotFound,
		"empty_500": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
		},
	} {
		_, err := serve(t, "", handler).Get(t.Context(), "/jobs", nil)
		if _, ok := errors.AsType[*StrangerError](err); !ok {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestBrokenAnswersReturnUnreachableError(t *testing.T) {
	t.Parallel()
	c := serve(t, "", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := c.Get(t.Context(), "/jobs", nil)

	var gone *UnreachableError
	if !errors.As(err, &gone) || gone.Reason != "the connection was interrupted" {
		t.Errorf("got %v", err)
	}
}
