package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/api"
	"coremachine/internal/coremachine"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/web"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// site is a running dashboard over a database schema of its own.
type site struct {
	t       *testing.T
	url     string
	pool    *pgxpool.Pool
	repo    *repo.Repo
	watcher *api.JobWatcher
}

func start(t *testing.T, options ...func(*web.Options)) *site {
	t.Helper()
	pool := pgtest.Schema(t)
	s := &site{t: t, pool: pool, repo: repo.New(pool)}
	s.watcher = api.NewJobWatcher(s.repo.ReadVersions, nil)

	o := web.Options{
		Reader: s.repo, Wait: s.watcher.Wait, Version: "v1",
		Types: func() []coremachine.JobType {
			return []coremachine.JobType{
				{Name: "hello_world", Schema: []byte(`{"type":"object"}`), Stages: []coremachine.StageType{
					{Name: "greeting", TaskType: "g", Kind: state.Dynamic, DependsOn: []string{}, MaxAttempts: 5},
				}},
			}
		},
	}
	for _, option := range options {
		option(&o)
	}

	server := web.New(o)
	handler := api.New(api.Options{Mounts: server.Mounts(), JobWatcher: s.watcher})
	h := httptest.NewServer(handler)
	s.url = h.URL

	t.Cleanup(func() {
		server.Close()
		s.watcher.Close()
		h.Close()
	})

	return s
}

// inline serves pages that contain their data.
func inline(o *web.Options) { o.Inline = true }

// page is an answer.
type page struct {
	Status int
	Header http.Header
	Body   string
}

func (s *site) get(path string, headers ...string) page {
	s.t.Helper()

	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/api"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}

	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}

	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}

	defer func() { _ = resp.Body.Close() }()

	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}

	return page{resp.StatusCode, resp.Header, string(b)}
}
