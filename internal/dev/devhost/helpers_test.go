package devhost_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coremachine/internal/dev/devhost"
	"coremachine/internal/queue"
)

// harness is a devhost whose handler is this test binary.
type harness struct {
	t       *testing.T
	host    *devhost.Host
	client  *http.Client
	seen    chan seen          // requests to the handler
	events  chan devhost.Event // events, except those that no test waits for
	lines   chan string        // console of the handler, with the level first
	release chan struct{}      // continues a stream
	queue   *memQueue          // the queue "tasks"
}

type testApp struct {
	host      string            // host.json; defaults to testHost
	functions map[string]string // function name to function.json; defaults to testFunctions
	settings  string            // local.settings.json
	mode      string            // mode of the handler; defaults to "serve"
}

const testHost = `{"version":"2.0","functionTimeout":"00:10:00",
	"customHandler":{"description":{"defaultExecutablePath":"handler"},
	"enableProxyingHttpRequest":true,"enableForwardingHttpRequest":true}}`

func testFunctions() map[string]string {
	return map[string]string{
		"api": `{"bindings":[
			{"type":"httpTrigger","direction":"in","name":"req","authLevel":"function","route":"{*path}"},
			{"type":"http","direction":"out","name":"res"}]}`,
		"open": `{"bindings":[
			{"type":"httpTrigger","direction":"in","name":"req","authLevel":"anonymous","methods":["get"],
				"route":"open/{*path}"},
			{"type":"http","direction":"out","name":"res"}]}`,
		"process_task": `{"bindings":[{"type":"serviceBusTrigger","direction":"in","name":"message",
			"queueName":"tasks","connection":"SERVICEBUS","cardinality":"one","dataType":"binary"}]}`,
	}
}

func setup(t *testing.T, app testApp, o devhost.Options) harness {
	t.Helper()

	b := prepare(t, app, &o)
	if err := b.host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		b.client.CloseIdleConnections()

		if err := b.host.Stop(); err != nil {
			t.Error(err)
		}
	})

	return b
}

func prepare(t *testing.T, app testApp, o *devhost.Options) harness {
	t.Helper()
	b := harness{
		t: t,
		client: &http.Client{
			Transport:     &http.Transport{},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		seen: make(
			chan seen,
			1000,
		),
		events:  make(chan devhost.Event, 1000),
		lines:   make(chan string, 1000),
		release: make(chan struct{}, 1),
		queue:   newMemQueue(time.Minute),
	}
	recorder := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("wait") != "" {
			select {
			case <-b.release:
			case <-r.Context().Done():
			}

			return
		}

		var s seen
		if json.NewDecoder(r.Body).Decode(&s) == nil {
			b.seen <- s
		}
	}))
	t.Cleanup(recorder.Close)

	if app.mode == "" {
		app.mode = "serve"
	}

	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	o.Root, o.Addr, o.Executable = writeApp(t, app), "127.0.0.1:0", executable
	o.Env = append(o.Env, "DEVHOST_TEST_HANDLER="+app.mode, "RECORDER="+recorder.URL)
	o.OnEvent = func(e devhost.Event) { b.events <- e }

	o.Console = func(_ string, level slog.Level, line string) { b.lines <- level.String() + " " + line }
	if o.Receivers == nil {
		o.Receivers = map[string]queue.Receiver{"tasks": b.queue}
	}

	if b.host, err = devhost.New(*o); err != nil {
		t.Fatal(err)
	}

	return b
}

func writeApp(tb testing.TB, app testApp) string {
	tb.Helper()
	root := tb.TempDir()
	write := func(name, content string) {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			tb.Fatal(err)
		}

		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}

	if app.host == "" {
		app.host = testHost
	}

	if app.functions == nil {
		app.functions = testFunctions()
	}

	write("host.json", app.host)

	for name, content := range app.functions {
		write(filepath.Join(name, "function.json"), content)
	}

	if app.settings != "" {
		write("local.settings.json", app.settings)
	}

	return root
}

// next waits for a value. It fails the test after a timeout.
func next[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()

	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()

	select {
	case v := <-from:
		return v
	case <-timeout.C:
		t.Fatalf("got no %s", what)
		panic("unreachable")
	}
}

// event waits for an event of a kind and drops others.
func (b harness) event(kind devhost.EventKind) devhost.Event {
	b.t.Helper()

	for {
		if e := next(b.t, b.events, string(kind)); e.Kind == kind {
			return e
		}
	}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (b harness) do(method, path, body string, header ...string) answer {
	b.t.Helper()
	return b.send(method, path, strings.NewReader(body), header...)
}

func (b harness) send(method, path string, body io.Reader, header ...string) answer {
	b.t.Helper()

	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.host.Addr()+path, body)
	if err != nil {
		b.t.Fatal(err)
	}

	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}

	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below

	got, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}

	return answer{resp.StatusCode, resp.Header, string(got)}
}

// echo returns the HTTP request that the handler received.
func (b harness) echo(a answer) (s seen) {
	b.t.Helper()

	if err := json.Unmarshal([]byte(a.body), &s); err != nil {
		b.t.Fatalf("status %d, body %q: %v", a.status, a.body, err)
	}

	return s
}
