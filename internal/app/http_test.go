package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/repo"
	"coremachine/internal/test/pgtest"
)

func TestTheAPIOfAPlainWorkerAsksForAKey(t *testing.T) {
	t.Parallel()

	const key = "0123456789abcdef"

	cfg, err := config.Load(
		map[string]string{
			"DATABASE_URL":  pgtest.URL(t),
			"HTTP_ADDRESS":  "127.0.0.1:0",
			"API_KEYS":      "another-key-of-16," + key,
			"DRAIN_TIMEOUT": "1s",
		},
	)

	a, err2 := app.New(
		cfg,
		err,
		app.Options{Jobs: jobs.All, Handlers: handlers.All, Log: slog.New(slog.DiscardHandler)},
	)
	if err2 != nil {
		t.Fatal(err2)
	}

	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	address, err := a.ServeAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	a.Work(t.Context())
	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()

		if err := a.Stop(limit); err != nil {
			t.Error(err)
		}

		http.DefaultClient.CloseIdleConnections()
	})

	base := "http://" + address.String()

	until(t, func() bool { code, _ := get(t, base+"/api/readyz"); return code == http.StatusOK })

	for given, want := range map[string]int{"": 401, "wrong": 401, key + "x": 401, key: 202} {
		if got := submitWith(t, base, given); got != want {
			t.Errorf("with key %q a submit is answered %d, want %d", given, got, want)
		}
	}

	if code, _ := get(t, base+"/api/jobs"); code != http.StatusUnauthorized {
		t.Errorf("the jobs are listed without a key: %d", code)
	}

	const want = "\r\nLink: </api/ui/help/operations#access>; rel=\"help\"\r\n"
	if got := send(t, http.MethodGet, base+"/api/jobs", "").body; !strings.Contains(got, want) {
		t.Errorf("a refused request leads to %q, want %q", got, want)
	}

	for _, path := range []string{"/api/docs", "/api/ui/docs", "/api/ui/queues", "/api/health"} {
		if code, _ := get(t, base+path); code != http.StatusOK {
			t.Errorf("%s, which holds no data, is answered %d without a key", path, code)
		}
	}

	for _, path := range []string{"/api/view/queues", "/api/view/types", "/api/view/health"} {
		if code, _ := get(t, base+path); code != http.StatusUnauthorized {
			t.Errorf("%s is answered %d without a key", path, code)
		}
	}

	for _, path := range []string{"/process_task", "/api/process_task", "/"} {
		if code, _ := get(t, base+path); code == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
}

// TestProbesNeedNoKeyAndServeNothingElse starts a worker on a database without a
// schema: it is alive and not ready, and says why.
func TestProbesNeedNoKeyAndServeNothingElse(t *testing.T) {
	t.Parallel()

	cfg, err := config.Load(
		map[string]string{
			"DATABASE_URL":  pgtest.Empty(t),
			"PROBE_ADDRESS": "127.0.0.1:0",
			"DRAIN_TIMEOUT": "1s",
		},
	)

	a, err2 := app.New(
		cfg,
		err,
		app.Options{Jobs: jobs.All, Handlers: handlers.All, Log: slog.New(slog.DiscardHandler)},
	)
	if err2 != nil {
		t.Fatal(err2)
	}

	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	address, err := a.ServeProbes(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()

		if err := a.Stop(limit); err != nil {
			t.Error(err)
		}

		http.DefaultClient.CloseIdleConnections()
	})

	base := "http://" + address.String()

	for path, want := range map[string]int{
		"/livez": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/": http.StatusNotFound,
		"/api/jobs": http.StatusNotFound, "/api/health": http.StatusNotFound,
	} {
		if code, body := get(t, base+path); code != want {
			t.Errorf("%s is answered %d %s, want %d", path, code, body, want)
		}
	}

	if err := repo.Migrate(t.Context(), string(cfg.DatabaseURL)); err != nil {
		t.Fatal(err)
	}

	until(t, func() bool { code, _ := get(t, base+"/readyz"); return code == http.StatusOK })
}

func submitWith(t *testing.T, base, key string) int {
	t.Helper()

	req, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodPost,
		base+"/api/jobs/submit/hello_world",
		strings.NewReader(`{"n":1}`),
	)
	if err != nil {
		t.Fatal(err)
	}

	req.Header.Set("X-Functions-Key", key)
	req.Header.Set("Content-Type", "application/json")

	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}

	_ = res.Body.Close()

	return res.StatusCode
}
