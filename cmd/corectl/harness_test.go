package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/repotest"
	"coremachine/internal/view"
)

// TestMain also runs the test binary as corectl, in the roles in which corectl
// starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asProgram {
		os.Args = slices.Delete(os.Args, 1, 2)

		main()
	}

	if len(os.Args) > 1 && (os.Args[1] == "dev") {
		main()
	}

	repotest.BuildAsDelivered()
	pgtest.Main(m)
}

const (
	idA = "3f9a1c2e39000000000000000000000000000000000000000000000000000000"
	idB = "3f77aa0139000000000000000000000000000000000000000000000000000000"
)

var testNow = time.Date(2026, 11, 23, 14, 2, 30, 0, time.UTC)

func mustID(text string) state.JobID {
	id, err := state.ParseJobID(text)
	if err != nil {
		panic(err)
	}

	return id
}

func ago(d time.Duration) *time.Time {
	t := testNow.Add(-d)
	return &t
}

// api replaces the HTTP API. It has a list of answers for each "METHOD /path",
// which it uses in turn. The last answer is repeated.
type api struct {
	t       *testing.T
	mu      sync.Mutex
	answers map[string][]http.HandlerFunc
	seen    []string // requests, as METHOD path?query body
	server  *httptest.Server
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{t: t, answers: map[string][]http.HandlerFunc{}}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)

	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer

	_, _ = body.ReadFrom(r.Body)

	a.mu.Lock()
	key := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api")
	request := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), "/api")
	a.seen = append(a.seen, strings.TrimSpace(request+" "+body.String()))

	queue := a.answers[key]
	if len(queue) > 1 {
		a.answers[key] = queue[1:]
	}
	a.mu.Unlock()

	if len(queue) == 0 || !strings.HasPrefix(r.URL.Path, "/api/") {
		problem(http.StatusNotFound, state.CodeNotFound, "not found")(w, r)
		return
	}

	queue[0](w, r)
}

func (a *api) requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()

	return append([]string(nil), a.seen...)
}

func (a *api) on(route string, answers ...http.HandlerFunc) *api {
	a.answers[route] = append(a.answers[route], answers...)
	return a
}

// answer returns a handler that writes a status and a body. A string or bytes
// are written unchanged.
func answer(status int, body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)

		switch v := body.(type) {
		case string:
			_, _ = w.Write([]byte(v))
		default:
			_ = json.NewEncoder(w).Encode(v)
		}
	}
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func problem(status int, code state.Code, detail string, fields ...state.FieldError) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"title":      http.StatusText(status),
			"status":     status,
			"detail":     detail,
			"request_id": "req-1",
			"code":       code,
			"errors":     fields,
		})
	}
}

func page[T any](next string, items ...T) client.Page[T] {
	return client.Page[T]{Items: append([]T{}, items...), NextCursor: next}
}

// result is the outcome of one run of the program.
type result struct {
	out, err string
	code     int
}

// outside describes the environment of a run. In the zero value, outputs are
// pipes and there are no environment variables.
type outside struct {
	tty   bool // both outputs and the input are a terminal
	width int  // 0 means 100
	in    string
	env   map[string]string
	state string // folder of the recent ids
	// config is the folder of the contexts. With it, there is no CORECTL_URL.
	config string
	ctx    context.Context
	url    string // replaces the URL of the fake API
	watch  func(stderr string)
}

func (a *api) run(o outside, args ...string) result {
	a.t.Helper()

	con, out, errOut := a.console(o)

	ctx := o.ctx
	if ctx == nil {
		ctx = a.t.Context()
	}

	code := run(ctx, args, con)

	return result{out: out.String(), err: errOut.String(), code: code}
}

// console returns the environment of a run, and what records its outputs.
func (a *api) console(o outside) (con *console, out, errOut *recorder) {
	a.t.Helper()

	if o.width == 0 {
		o.width = 100
	}

	if o.state == "" {
		o.state = a.t.TempDir()
	}

	out, errOut = &recorder{}, &recorder{watch: o.watch}

	return &console{
		in:     strings.NewReader(o.in),
		out:    out,
		err:    errOut,
		inTTY:  o.tty,
		outTTY: o.tty,
		errTTY: o.tty,
		size:   func() (int, int) { return o.width, 40 },
		getenv: func(name string) string {
			if name == "CORECTL_URL" && o.env[name] == "" && o.config == "" {
				return first(o.url, a.server.URL)
			}

			return o.env[name]
		},
		now:      func() time.Time { return testNow },
		stateDir: o.state, configDir: o.config,
		open: func(string) error { return errors.New("no browser here") },
	}, out, errOut
}

// recorder is a buffer that reports its content after each write.
type recorder struct {
	mu    sync.Mutex
	b     bytes.Buffer
	watch func(string)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	n, err := r.b.Write(p)
	text := r.b.String()
	r.mu.Unlock()

	if r.watch != nil {
		r.watch(text)
	}

	return n, err
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.b.String()
}

// run3 returns a job of hello_world with n = 3 and a status.
func run3(status state.JobStatus) view.JobView {
	job := view.JobView{
		JobSummary: view.JobSummary{
			JobID:      mustID(idA),
			JobType:    "hello_world",
			Status:     status,
			Attempt:    1,
			Version:    string(status),
			Parameters: []byte(`{"n":3}`),
			CreatedAt:  *ago(5 * time.Second),
			StartedAt:  ago(4 * time.Second),
			Tasks:      view.TaskCounts{Total: 6, Completed: 3, Running: 1, Queued: 2},
		},
		Stages: []view.StageView{
			{
				Name:    "greeting",
				Kind:    state.Dynamic,
				Status:  state.StageCompleted,
				Planned: true,
				Tasks: view.TaskCounts{
					Total:     3,
					Completed: 3,
				},
				StartedAt:  ago(4 * time.Second),
				FinishedAt: ago(3 * time.Second),
			},
			{
				Stage: 1, Name: "reply", Kind: state.MatchPrevious, Status: state.StageRunning, Planned: true,
				Tasks: view.TaskCounts{Total: 3, Running: 1, Queued: 2}, StartedAt: ago(3 * time.Second),
			},
		},
	}
	if !status.Ended() {
		return job
	}

	job.FinishedAt = ago(0)
	job.Stages[1].FinishedAt = ago(0)
	job.Stages[1].Status = state.StageCompleted
	job.Stages[1].Tasks = view.TaskCounts{Total: 3, Completed: 3}
	job.Tasks = view.TaskCounts{Total: 6, Completed: 6}

	switch status {
	case state.JobCompletedWithErrors:
		job.Tasks.Completed, job.Tasks.Failed = 5, 1
		job.Stages[1].Tasks = view.TaskCounts{Total: 3, Completed: 2, Failed: 1}
	case state.JobFailed:
		job.Tasks.Completed, job.Tasks.Failed = 5, 1
		job.Stages[1].Status = state.StageFailed
		job.Stages[1].Tasks = view.TaskCounts{Total: 3, Completed: 2, Failed: 1}
		job.Error = &state.Failure{Code: state.CodeTasksFailed, Message: "1 task failed", Stage: "reply"}
	case state.JobCancelled:
		job.Tasks.Completed, job.Tasks.Cancelled = 4, 2
	case state.JobCompleted, state.JobQueued, state.JobRunning:
	}

	return job
}

var helloWorld = state.JobType{
	Name:        "hello_world",
	Description: "Two stages of greetings and replies",
	Schema: []byte(
		`{"type":"object","properties":{"n":{"type":"integer","default":3,"minimum":1,"maximum":1000},` +
			`"message":{"type":"string","default":"Hello World","maxLength":1000}}}`,
	),
	Stages: []state.StageType{
		{Name: "greeting", Kind: state.Dynamic},
		{Name: "reply", Kind: state.MatchPrevious},
	},
}

// fresh answers a submit as one that started a run.
func (a *api) fresh() *api {
	return a.on("GET /jobs/types", answer(200, page("", helloWorld))).
		on("POST /jobs/submit/hello_world", answer(202, view.Submission{
			JobID:      mustID(idA),
			JobType:    "hello_world",
			Status:     state.JobQueued,
			Attempt:    1,
			Created:    true,
			Parameters: []byte(`{"n":3}`),
		}))
}
