package e2e_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/test/pgtest"
)

// TestTooManyUnresponsiveHandlersStopProcess has handlers ignore their
// contexts. Up to the limit the process stays ready. With one more it becomes
// unready with the reason, and requests to be stopped.
func TestTooManyUnresponsiveHandlersStopProcess(t *testing.T) {
	t.Parallel()

	const limit = 2

	release := make(chan struct{})
	fn := func(_ context.Context, _ handlers.Task, in workIn) (workOut, error) {
		<-release // it ignores its context
		return workOut(in), nil
	}

	cfg, err := config.Load(map[string]string{
		"DATABASE_URL": pgtest.URL(
			t,
		),
		"MAX_UNRESPONSIVE": "2",
		"DRAIN_TIMEOUT":    "10ms",
		"HTTP_ADDRESS":     "127.0.0.1:0",
	})
	if err != nil {
		t.Fatal(err)
	}

	a, err := app.New(cfg, nil, app.Options{
		Jobs: map[string]define.Job{
			"stuck": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 1}),
		},
		Handlers: handlersOf(fn, handlers.Timeout(time.Second)),
		Log:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}

	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		close(release)

		limit, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()

		_ = a.Stop(limit) // its handlers were abandoned
	})

	address, err := a.ServeAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	a.Work(t.Context())
	waitFor(t, time.Minute, "the process is ready", func() bool { return a.Ready() == nil })

	submit := func(body string) {
		t.Helper()

		if _, err := a.Machine().
			Submit(t.Context(), coremachine.SubmitRequest{Type: "stuck", Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}

	submit(`{"n":2}`)
	waitFor(t, time.Minute, "two handlers are unresponsive", func() bool { return a.Machine().Unresponsive() >= limit })

	if a.Machine().Unresponsive() == limit && a.Ready() != nil {
		t.Errorf("with %d unresponsive handlers the process is not ready: %v", limit, a.Ready())
	}

	submit(`{"n":3}`)

	select {
	case <-a.Failed():
	case <-time.After(pgtest.Patience(t, time.Minute)):
		t.Fatal("the process continues with more unresponsive handlers than the limit")
	}

	r, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodGet,
		"http://"+address.String()+"/api/readyz",
		nil,
	)
	if err != nil {
		t.Fatal(err)
	}

	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = res.Body.Close() }()

	var body struct{ Problems []string }
	if err := json.NewDecoder(res.Body).
		Decode(&body); err != nil ||
		res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz returned %d, %v", res.StatusCode, err)
	}

	if reason := strings.Join(body.Problems, " "); !strings.Contains(reason, "more than 2 handlers did not return") {
		t.Errorf("readyz returned the reason %q", reason)
	}
}
