package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/api"
	"coremachine/internal/coremachine"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// contract is a router of the operations of openapi.yaml.
var contract = sync.OnceValues(func() (routers.Router, error) {
	text := func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		b, err := io.ReadAll(body)
		return string(b), err
	}
	openapi3filter.RegisterBodyDecoder("text/event-stream", text)

	doc, err := description()
	if err != nil {
		return nil, err
	}

	return gorillamux.NewRouter(doc)
})

func description() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI())
	if err != nil {
		return nil, err
	}

	return doc, doc.Validate(context.Background())
}

// server is a running API over a database schema of its own.
type server struct {
	t       *testing.T
	url     string
	pool    *pgxpool.Pool
	repo    *repo.Repo
	watcher *api.JobWatcher
	log     *syncBuffer
}

// start runs a server with a fake engine. options change the configuration.
func start(t *testing.T, engine api.Engine, options ...func(*api.Options)) *server {
	t.Helper()
	pool := pgtest.Schema(t)
	s := &server{t: t, pool: pool, repo: repo.New(pool), log: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	s.watcher = api.NewJobWatcher(s.repo.ReadVersions, log)

	o := api.Options{Engine: engine, Reader: s.repo, JobWatcher: s.watcher, Log: log, Health: api.Health{Version: "v1"}}
	for _, option := range options {
		option(&o)
	}

	web := httptest.NewServer(api.New(o))
	s.url = web.URL

	t.Cleanup(func() {
		s.watcher.Close()
		web.Close()
	})

	return s
}

// answer is a response.
type answer struct {
	t      *testing.T
	Status int
	Header http.Header
	Body   []byte
}

// call sends one request. path begins after /api. call checks the request and
// the answer against the contract.
func (s *server) call(method, path string, body any, headers ...string) answer {
	s.t.Helper()

	var text []byte

	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		s.t.Fatalf("a body is a string, not %T", body)
	}

	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/api"+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}

	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}

	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}

	return s.do(req, text)
}

func (s *server) do(req *http.Request, text []byte) answer {
	s.t.Helper()

	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}

	defer func() { _ = resp.Body.Close() }()

	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}

	got := answer{t: s.t, Status: resp.StatusCode, Header: resp.Header, Body: b}
	s.hold(req, text, got)

	return got
}

// hold checks an exchange against the contract. If the contract does not allow
// the request, the server must have rejected it.
func (s *server) hold(req *http.Request, body []byte, got answer) {
	s.t.Helper()

	router, err := contract()
	if err != nil {
		s.t.Fatal(err)
	}

	copied := req.Clone(context.Background())
	copied.Body = io.NopCloser(bytes.NewReader(body))
	copied.URL.Scheme, copied.URL.Host, copied.Host = "", "", ""

	route, params, err := router.FindRoute(copied)
	if err != nil {
		if got.Status != http.StatusNotFound && got.Status != http.StatusMethodNotAllowed &&
			req.Method != http.MethodHead {
			s.t.Errorf("%s %s answered %d and is not in the contract", req.Method, req.URL.Path, got.Status)
		}

		return
	}

	in := &openapi3filter.RequestValidationInput{
		Request:    copied,
		PathParams: params,
		Route:      route,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
		},
	}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil && got.Status < 400 {
		s.t.Errorf("%s %s: answer %d violates the contract: %v", req.Method, req.URL, got.Status, err)
	}

	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in,
		Status:                 got.Status,
		Header:                 got.Header,
		Body:                   io.NopCloser(bytes.NewReader(got.Body)),
		Options:                in.Options,
	}
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		s.t.Errorf(
			"%s %s answered %d against the contract: %v\n%s",
			req.Method,
			req.URL,
			got.Status,
			err,
			got.Body,
		)
	}
}

// get sends a GET that must succeed and decodes the answer into a T.
func get[T any](s *server, path string) T {
	s.t.Helper()

	var v T
	s.call(http.MethodGet, path, nil).must(http.StatusOK).into(&v)

	return v
}

func (a answer) must(status int) answer {
	a.t.Helper()

	if a.Status != status {
		a.t.Fatalf("answered %d, want %d: %s", a.Status, status, a.Body)
	}

	return a
}

func (a answer) into(v any) answer {
	a.t.Helper()

	if err := json.Unmarshal(a.Body, v); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}

	return a
}

// problem decodes an error response and checks the common fields.
func (a answer) problem(status int) api.Problem {
	a.t.Helper()

	var p api.Problem
	a.must(status).into(&p)

	if a.Header.Get("Content-Type") != "application/problem+json" || p.Status != status ||
		p.Title != http.StatusText(status) || p.Code == "" || p.Detail == "" ||
		p.RequestID == "" ||
		p.RequestID != a.Header.Get("X-Request-Id") {
		a.t.Errorf("got problem %+v with headers %v", p, a.Header)
	}

	return p
}

// page is a page of a list.
type page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
	PrevCursor *string `json:"prev_cursor"`
}

// fakeEngine returns preset answers. The tests of the engine cover the
// behaviour of the real one.
type fakeEngine struct {
	api.Engine
	submit func(coremachine.SubmitRequest) (coremachine.SubmitResult, error)
	cancel func(state.JobID, string) error
	retry  func(state.JobID, string) (state.Retried, error)
	remove func(state.JobID) error
	start  func(state.JobID, string) error
	tag    func(map[string]*string) (map[string]string, error)
	sweep  func(context.Context) (coremachine.SweepReport, error)
}

func (f fakeEngine) Submit(_ context.Context, r coremachine.SubmitRequest) (coremachine.SubmitResult, error) {
	return f.submit(r)
}

func (f fakeEngine) ForceCancel(ctx context.Context, id state.JobID, by string) error {
	return f.Cancel(ctx, id, "force "+by)
}

func (f fakeEngine) Cancel(_ context.Context, id state.JobID, by string) error {
	return f.cancel(id, by)
}

func (f fakeEngine) Retry(_ context.Context, id state.JobID, by, _ string) (state.Retried, error) {
	return f.retry(id, by)
}

func (f fakeEngine) StartNow(_ context.Context, id state.JobID, by string) error {
	return f.start(id, by)
}

func (f fakeEngine) EditTags(
	_ context.Context, _ state.JobID, changes map[string]*string, _ string,
) (map[string]string, error) {
	return f.tag(changes)
}

func (f fakeEngine) Delete(_ context.Context, id state.JobID) error { return f.remove(id) }
func (f fakeEngine) Sweep(ctx context.Context) (coremachine.SweepReport, error) {
	return f.sweep(ctx)
}

func (fakeEngine) Types() []coremachine.JobType {
	return []coremachine.JobType{{
		Name: "hello_world", Description: "Greets", Schema: json.RawMessage(`{"type":"object"}`),
		Searchable: []string{"n"},
		Stages: []coremachine.StageType{
			{
				Name:        "greeting",
				TaskType:    "hello_world_greeting",
				Kind:        state.Dynamic,
				DependsOn:   []string{},
				Queue:       "tasks",
				MaxAttempts: 5,
			},
		},
	}}
}

// syncBuffer is a log that tests can read.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.b.String()
}

// unknownID is an id that no job has.
var unknownID = strings.Repeat("0", 64)
