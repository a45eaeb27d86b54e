package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/queue"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/repotest"
)

// TestSettingsUnderForeignHost starts the handler as another Functions host
// would: with the port in its environment, and with triggers for Service Bus
// only. Each combination of settings that docs/development.md lists either runs
// a job, or is not ready and gives the reason in the log, in the response of
// the probe, in health and in corectl doctor.
func TestSettingsUnderForeignHost(t *testing.T) {
	t.Parallel()

	corectl := buildCorectl(t)

	const azure = "WEBSITE_INSTANCE_ID=instance"
	for name, c := range map[string]struct {
		env    []string
		bus    bool   // SERVICEBUS is set, and the host has triggers
		reason string // "": it runs a job
	}{
		"ServiceBus":        {bus: true},
		"ServiceBusInAzure": {bus: true, env: []string{azure}},
		"ServiceBusByName":  {bus: true, env: []string{"TRANSPORT=servicebus"}},
		"Self":              {env: []string{"RECEIVE=self"}},
		"SelfInAzure":       {env: []string{"RECEIVE=self", azure}, reason: "RECEIVE: self is for func start"},
		"SelfAndServiceBus": {
			bus: true, env: []string{"RECEIVE=self"}, reason: "RECEIVE: self is for the Postgres queue",
		},
		"Nothing":               {reason: "TRANSPORT: no trigger"},
		"NothingInAzure":        {env: []string{azure}, reason: "TRANSPORT: no trigger"},
		"PostgresAndServiceBus": {bus: true, env: []string{"TRANSPORT=postgres"}, reason: "TRANSPORT: no trigger"},
		"ServiceBusWithoutAName": {
			env: []string{"TRANSPORT=servicebus"}, reason: "SERVICEBUS__fullyQualifiedNamespace: is required",
		},
		"UnknownReceiver":  {env: []string{"RECEIVE=both"}, reason: "RECEIVE: "},
		"UnknownTransport": {env: []string{"TRANSPORT=pigeon"}, reason: "TRANSPORT: "},
		"ServiceBusOutOfLoopback": {
			env: []string{
				"SERVICEBUS=Endpoint=sb://192.0.2.1;SharedAccessKeyName=k;SharedAccessKey=s;" +
					"UseDevelopmentEmulator=true",
			},
			reason: "SERVICEBUS: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			h := startForeignHost(t, c.bus, c.env)
			if c.reason == "" {
				h.mustRunHelloWorld(t)
			} else {
				h.mustRefuse(t, c.reason)
			}

			h.mustBeDiagnosed(t, corectl, c.reason)
		})
	}
}

// foreignHost is a minimal Functions host, written from its contract alone.
type foreignHost struct {
	base string // of the handler

	mu  sync.Mutex
	log bytes.Buffer
}

func startForeignHost(t *testing.T, bus bool, env []string) *foreignHost {
	t.Helper()

	port := freePort(t)
	h := &foreignHost{base: "http://127.0.0.1:" + strconv.Itoa(port)}
	cmd := osexec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(
		os.Environ(),
		handlerEnv+"="+busHandler,
		"DATABASE_URL="+pgtest.URL(t),
		"FUNCTIONS_CUSTOMHANDLER_PORT="+strconv.Itoa(
			port,
		),
		"FUNCTIONS_WORKER_RUNTIME=custom",
		"DRAIN_TIMEOUT=1s",
	)

	var receivers map[string]queue.Receiver

	if bus {
		connection := startBroker(t)
		cmd.Env = append(cmd.Env, "SERVICEBUS="+connection)
		receivers = busReceivers(t, connection)
	}

	cmd.Env = append(cmd.Env, env...)

	cmd.Stdout, cmd.Stderr = h, h
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})

	waitFor(t, time.Minute, "the handler responds", func() bool {
		code, _ := h.ask(t, http.MethodGet, "/", "")
		return code != 0
	})

	for name, r := range receivers {
		h.trigger(t, name, r)
	}

	return h
}

// Write collects what the handler logs.
func (h *foreignHost) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.log.Write(b)
}

func (h *foreignHost) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.log.String()
}

func (h *foreignHost) ask(t *testing.T, method, path, body string) (code int, answer string) {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), method, h.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}

	defer func() { _ = res.Body.Close() }()

	text, _ := io.ReadAll(res.Body)

	return res.StatusCode, string(text)
}

// trigger posts each message of a queue to the function that serves it.
func (h *foreignHost) trigger(t *testing.T, name string, r queue.Receiver) {
	t.Helper()

	function := map[string]string{
		state.QueueJobs.String(): "process_job", state.QueueTasks.String(): "process_task",
		state.QueueLongTasks.String(): "process_long_task",
	}[name]
	ctx, cancel := context.WithCancel(t.Context())

	var over sync.WaitGroup
	over.Go(func() {
		for ctx.Err() == nil {
			batch, err := r.Receive(ctx, 8)
			if err != nil {
				return
			}

			for _, d := range batch {
				envelope := fmt.Sprintf(
					`{"Data":{"message":%q},"Metadata":{}}`,
					base64.StdEncoding.EncodeToString(d.Body),
				)
				if code, _ := h.ask(t, http.MethodPost, "/"+function, envelope); code == http.StatusOK {
					_ = r.Complete(ctx, d)
				} else {
					_ = r.Abandon(ctx, d)
				}
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		over.Wait()
	})
}

func (h *foreignHost) mustRunHelloWorld(t *testing.T) {
	t.Helper()

	t.Cleanup(func() {
		if t.Failed() {
			t.Log(h.logged())
		}
	})
	waitFor(t, time.Minute, "the handler is ready", func() bool {
		code, _ := h.ask(t, http.MethodGet, "/api/health/readyz", "")
		return code == http.StatusOK
	})
	code, answer := h.ask(t, http.MethodPost, "/api/jobs/submit/hello_world", `{"n":3}`)

	var submitted struct {
		JobID string `json:"job_id"`
	}
	if err := json.Unmarshal([]byte(answer), &submitted); err != nil || code != http.StatusAccepted {
		t.Fatalf("submit: %d %s, %v", code, answer, err)
	}

	waitFor(t, 2*time.Minute, "the job completes", func() bool {
		_, status := h.ask(t, http.MethodGet, "/api/jobs/status/"+submitted.JobID, "")
		return strings.Contains(status, `"status":"completed"`)
	})
}

func (h *foreignHost) mustRefuse(t *testing.T, reason string) {
	t.Helper()

	var answer string

	waitFor(t, time.Minute, "the probe names the reason", func() bool {
		var code int

		code, answer = h.ask(t, http.MethodGet, "/api/health/readyz", "")
		if code == http.StatusOK {
			t.Fatalf("the handler is ready, want it to report: %s", reason)
		}

		return code == http.StatusServiceUnavailable && strings.Contains(answer, reason)
	})

	if !strings.Contains(h.logged(), reason) {
		t.Errorf("the log does not contain %q:\n%s", reason, h.logged())
	}

	if _, health := h.ask(t, http.MethodGet, "/api/health", ""); !strings.Contains(health, reason) {
		t.Errorf("health does not contain %q: %s", reason, health)
	}

	code, _ := h.ask(t, http.MethodPost, "/api/jobs/submit/hello_world", `{}`)
	if code != http.StatusServiceUnavailable {
		t.Errorf("a submit got status %d, want 503", code)
	}
}

// mustBeDiagnosed runs corectl doctor with the address of the app and without
// its settings.
func (h *foreignHost) mustBeDiagnosed(t *testing.T, corectl, reason string) {
	t.Helper()

	doctor := osexec.CommandContext(t.Context(), corectl, "doctor", "-o", "jsonl")
	doctor.Env = append(os.Environ(), "CORECTL_URL="+h.base, "DATABASE_URL=", "XDG_STATE_HOME="+t.TempDir())
	out, err := doctor.Output()
	found := map[string]string{}

	for line := range strings.Lines(string(out)) {
		var f struct{ Check, Outcome, Detail string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %s", err, line)
		}

		found[f.Check] = f.Outcome + " " + f.Detail
	}

	api := found["api"]
	if reason != "" {
		if !strings.HasPrefix(api, "FAIL ") || !strings.Contains(api, reason) || err == nil {
			t.Errorf("doctor does not report %q: %v, %v", reason, found, err)
		}

		return
	}

	if strings.HasPrefix(api, "FAIL ") || !strings.HasPrefix(found["access"], "ok ") {
		t.Errorf("doctor reports a failure of a working app: %v", found)
	}
}

// buildCorectl builds the command without the race detector, for all tests, and
// returns its path.
func buildCorectl(t *testing.T) (program string) {
	t.Helper()

	program, err := corectl()
	if err != nil {
		t.Fatal(err)
	}

	return program
}

var corectl = sync.OnceValues(func() (program string, err error) {
	root, err := repotest.Root()
	if err != nil {
		return "", err
	}

	program = filepath.Join(root, ".local", "e2e", "corectl")
	build := osexec.CommandContext(context.Background(), "go", "build", "-o", program, "./cmd/corectl")
	build.Dir = root
	build.Env = append(build.Environ(), "CGO_ENABLED=0")

	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}

	return program, nil
})

func startBroker(t *testing.T) (connection string) {
	t.Helper()

	broker := sbfake.New(sbfake.Options{Queues: []string{"jobs", "tasks", "long-tasks"}})
	t.Cleanup(broker.Close)

	address, err := broker.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	return sbfake.ConnectionString(address)
}

func freePort(t *testing.T) int {
	t.Helper()

	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()

	return l.Addr().(*net.TCPAddr).Port
}
