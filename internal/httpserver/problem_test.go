package httpserver_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"coremachine/internal/httpserver"
	"coremachine/internal/state"
)

func TestWriteProblemFillsInTitleCodeAndRequestID(t *testing.T) {
	t.Parallel()

	for status, code := range map[int]state.Code{
		400: "invalid", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
		409: "conflict", 413: "too_large", 429: "busy", 500: "internal", 503: "unavailable",
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		httpserver.WriteProblem(w, r, httpserver.Problem{Status: status, Detail: "The job <a> is running."})

		var got httpserver.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}

		id := w.Header().Get("X-Request-Id")

		want := httpserver.Problem{
			Title: http.StatusText(status), Status: status, Detail: "The job <a> is running.", Code: code,
			RequestID: id,
		}
		if w.Code != status || id == "" || got.Title != want.Title || got.Detail != want.Detail ||
			got.Code != want.Code || got.RequestID != id {
			t.Errorf("%d: got %+v", status, got)
		}

		if w.Header().Get("Content-Type") != "application/problem+json" ||
			w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%d: the headers are %v", status, w.Header())
		}
	}
}

func TestIdentifyAssignsIDOnce(t *testing.T) {
	t.Parallel()

	for given, kept := range map[string]bool{"abc-1.2_X": true, "a b": false, "": false} {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("X-Request-Id", given)
		_, r = httpserver.Identify(w, r)

		id := httpserver.RequestID(r.Context())
		if (id == given) != kept || id == "" || w.Header().Get("X-Request-Id") != id {
			t.Errorf("%q became %q", given, id)
		}

		if _, again := httpserver.Identify(w, r); httpserver.RequestID(again.Context()) != id {
			t.Errorf("Identify replaced the ID %q", id)
		}
	}
}
