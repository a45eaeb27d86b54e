package local

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/repotest"
)

func TestMain(m *testing.M) {
	repotest.BuildAsDelivered()
	pgtest.Main(m)
}

const root = "../../.."

func start(t *testing.T, o Options) *System {
	t.Helper()

	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}

	o.Root, o.DatabaseURL, o.Output = absolute, pgtest.URL(t), &lines{t: t}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)

	s, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = s.Stop() })

	return s
}

// lines records the output of the handler and the host for failed tests.
type lines struct {
	t  *testing.T
	mu sync.Mutex
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.t.Log(strings.TrimSpace(string(p)))

	return len(p), nil
}

func ask(t *testing.T, method, address, key, body string) (int, string) {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	req.Header.Set("Content-Type", "application/json")

	if key != "" {
		req.Header.Set("X-Functions-Key", key)
	}

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}

	text, err := io.ReadAll(resp.Body)
	if closing := resp.Body.Close(); err != nil || closing != nil {
		t.Fatal(err, closing)
	}

	return resp.StatusCode, string(text)
}

func TestEverythingStartsRunsAJobAndStops(t *testing.T) {
	t.Parallel()

	for name, o := range map[string]Options{"postgres": {}, "servicebus": {ServiceBus: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, o)

			status, body := ask(t, http.MethodPost, s.URL()+"/jobs/submit/hello_world", "", `{"n":20}`)
			if status != http.StatusAccepted {
				t.Fatalf("submit: %d %s", status, body)
			}

			_, id, _ := strings.Cut(body, `"job_id":"`)

			status, body = ask(t, http.MethodGet, s.URL()+"/jobs/status/"+id[:64]+"?wait=60s", "", "")
			if status != http.StatusOK || !strings.Contains(body, `"status":"completed"`) {
				t.Errorf("status: %d %s", status, body)
			}

			_, host, handler := s.PIDs()
			if host != os.Getpid() || syscall.Kill(handler, 0) != nil {
				t.Errorf("the host is %d and the handler %d, which should run", host, handler)
			}

			if err := errors.Join(s.Stop(), s.Stop()); err != nil {
				t.Error(err)
			}

			if syscall.Kill(handler, 0) == nil {
				t.Errorf("the handler %d still runs", handler)
			}

			if status, _ := ask(t, http.MethodGet, s.URL()+"/health", "", ""); status != 0 {
				t.Errorf("the port still answers %d", status)
			}
		})
	}
}

func TestKeysAreRequired(t *testing.T) {
	t.Parallel()

	s := start(t, Options{Keys: []string{"sesame"}})
	for key, want := range map[string]int{
		"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, "sesame": http.StatusOK,
	} {
		if got, body := ask(t, http.MethodGet, s.URL()+"/jobs", key, ""); got != want {
			t.Errorf("key %q: got %d %s, want %d", key, got, body, want)
		}
	}
}

func TestFailedStartLeavesNothingRunning(t *testing.T) {
	t.Parallel()

	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}

	running := start(t, Options{})
	_, port, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(running.URL(), "http://"), "/api"), ":")

	broken := t.TempDir()
	for path, text := range map[string]string{
		"host.json": "{}", "go.mod": "module coremachine\n",
		"cmd/handler/main.go": "package main\n\nfunc main() { nonsense }\n",
	} {
		if err := os.MkdirAll(filepath.Join(broken, filepath.Dir(path)), 0o700); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(filepath.Join(broken, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	for want, o := range map[string]Options{
		"address already in use":   {Root: absolute, DatabaseURL: pgtest.URL(t), Port: number(port)},
		"undefined: nonsense":      {Root: broken, DatabaseURL: pgtest.URL(t)},
		"cannot update the schema": {Root: absolute, DatabaseURL: "postgres://u@127.0.0.1:1/x?sslmode=disable"},
	} {
		o.Output = io.Discard

		s, err := Start(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}

		if s != nil {
			t.Errorf("%s: something runs", want)
		}
	}
}

func number(text string) int {
	n := 0
	for _, digit := range text {
		n = n*10 + int(digit-'0')
	}

	return n
}

func TestAppFolderMatchesItsSource(t *testing.T) {
	t.Parallel()

	home := t.TempDir()
	for _, name := range []string{"kept", "gone"} {
		if err := os.MkdirAll(filepath.Join(home, name), 0o700); err != nil {
			t.Fatal(err)
		}

		if err := copyFile(
			filepath.Join(root, "host.json"),
			filepath.Join(home, name, "function.json"),
		); err != nil {
			t.Fatal(err)
		}
	}

	if err := removeFunctions(home, map[string]bool{filepath.Join(home, "kept"): true}); err != nil {
		t.Fatal(err)
	}

	left, err := filepath.Glob(filepath.Join(home, "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "kept" {
		t.Errorf("got %q, %v", left, err)
	}
}
