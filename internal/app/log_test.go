package app_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/jobs/define"
	"coremachine/internal/telemetry"
	"coremachine/internal/telemetry/keys"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/test/pgtest"
)

// process starts a process that serves its API and receives its own work; stop
// stops it, once.
func process(t *testing.T, env map[string]string) (base string, stop func()) {
	t.Helper()

	known, run := maps.Clone(jobs.All), maps.Clone(handlers.All)
	maps.Copy(known, fixtures.Jobs())
	maps.Copy(run, fixtures.Handlers())

	return processOf(t, env, app.Options{Jobs: known, Handlers: run, Log: slog.New(slog.DiscardHandler)})
}

func processOf(t *testing.T, env map[string]string, o app.Options) (base string, stop func()) {
	t.Helper()

	cfg, err := config.Load(env)
	if err != nil {
		t.Fatal(err)
	}

	a, err := app.New(cfg, nil, o)
	if err != nil {
		t.Fatal(err)
	}

	begin(t, a)
	a.Work(t.Context())

	stop = sync.OnceFunc(func() {
		limit, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()

		if err := a.Stop(limit); err != nil {
			t.Error(err)
		}

		http.DefaultClient.CloseIdleConnections()
	})
	t.Cleanup(stop)

	base = "http://" + a.Addr().String()

	until(t, func() bool { code, _ := get(t, base+"/api/readyz"); return code == http.StatusOK })

	return base, stop
}

// talk is a job of one task that says one thing.
var talk = define.Define(define.Definition[struct{}]{
	Description: "A test's job",
	Stages: []define.Stage[struct{}]{
		{Name: "say", Tasks: define.Single(talkTask, func(struct{}) struct{} { return struct{}{} })},
	},
})

const talkTask handlers.TaskType[struct{}, struct{}] = "talk_task"

func runTalk(ctx context.Context, t handlers.Task, _ struct{}) (struct{}, error) {
	t.Log.InfoContext(ctx, "a word")
	return struct{}{}, nil
}

// lines is a log that several goroutines write to.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.b.Write(p)
}

func (l *lines) find(t *testing.T, message string) map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()

	for line := range bytes.Lines(l.b.Bytes()) {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%q: %v", line, err)
		}

		if record["msg"] == message {
			return record
		}
	}

	t.Fatalf("no log record has the message %q", message)

	return nil
}

// TestALogOfATaskCarriesItsIDs compares what a handler logs with the spans that
// were exported.
func TestALogOfATaskCarriesItsIDs(t *testing.T) {
	t.Parallel()
	r, log := newReceiver(t), &lines{}
	base, stop := processOf(
		t,
		map[string]string{"DATABASE_URL": pgtest.URL(t), "OTEL_EXPORTER_OTLP_ENDPOINT": r.URL},
		app.Options{
			Jobs:     map[string]define.Job{"talk": talk},
			Handlers: map[string]handlers.Handler{string(talkTask): handlers.Func(runTalk)},
			Log:      telemetry.NewLogger(log, "info", "json"),
		},
	)
	id := run(t, base+"/api/jobs/submit/talk", "{}", "completed", nil)

	stop()

	record := log.find(t, "a word")
	for field, want := range map[string]any{
		keys.JobID: id, keys.JobType: "talk", keys.Stage: "say", keys.Index: 0.0, keys.Attempt: 1.0,
	} {
		if record[field] != want {
			t.Errorf("%s: got %v, want %v", field, record[field], want)
		}
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	for _, s := range r.spans {
		if s.GetName() != keys.SpanTask+" talk_task" {
			continue
		}

		if trace, span := hex.EncodeToString(s.GetTraceId()), hex.EncodeToString(
			s.GetSpanId(),
		); record[keys.TraceID] != trace ||
			record[keys.SpanID] != span {
			t.Errorf(
				"the record names trace %v and span %v, want %s and %s",
				record[keys.TraceID],
				record[keys.SpanID],
				trace,
				span,
			)
		}

		return
	}

	t.Error("no span of the task was exported")
}
