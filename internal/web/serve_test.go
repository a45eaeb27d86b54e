package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/web"
)

func TestLayoutContainsNoData(t *testing.T) {
	t.Parallel()
	s := start(t)

	id := rows.Insert(
		t,
		s.pool,
		rows.Job{Status: state.JobRunning, Stages: []rows.Stage{{Name: "secret", Planned: 3}}},
	)
	for path, view := range map[string]string{"/ui": "/api/view", "/ui?status=running": "/api/view?status=running"} {
		got := s.get(path)
		if got.Status != http.StatusOK || strings.Contains(got.Body, id.Short()) {
			t.Errorf("%s: got status %d with data", path, got.Status)
		}

		if !strings.Contains(got.Body, `hx-get="`+view+`"`) {
			t.Errorf("%s does not fetch %s:\n%s", path, view, got.Body)
		}
	}

	if got := s.get("/view"); !strings.Contains(got.Body, id.Short()) {
		t.Errorf("the content does not contain the job:\n%s", got.Body)
	}
}

func TestPolicyAllowsOnlyOwnFiles(t *testing.T) {
	t.Parallel()
	s := start(t, inline)
	rows.Insert(
		t,
		s.pool,
		rows.Job{Status: state.JobRunning, Stages: []rows.Stage{{Planned: 3, Dispatched: 3, Failed: 1}}},
	)

	inlined := regexp.MustCompile(`(?i)<[^>]*\s(style|on[a-z]+)=|<style|<script(>|\s+[^s])|hx-on|javascript:`)
	elsewhere := regexp.MustCompile(`(src|href|action)="https?:`)

	for _, path := range []string{"/ui", "/view", "/ui?status=nope", "/ui/nowhere", "/view/nowhere"} {
		got := s.get(path)
		if policy := got.Header.Get(
			"Content-Security-Policy",
		); !strings.HasPrefix(
			policy,
			"default-src 'none'; script-src 'self'; style-src 'self'",
		) {
			t.Errorf("%s has the policy %q", path, policy)
		}

		for _, bad := range []*regexp.Regexp{inlined, elsewhere} {
			if found := bad.FindString(got.Body); found != "" {
				t.Errorf("%s contains %q", path, found)
			}
		}
	}
}

func TestStaticFilesAreCachedPermanently(t *testing.T) {
	t.Parallel()
	s := start(t)

	paths := regexp.MustCompile(`"/api(/ui/static/[^"]+)"`).FindAllStringSubmatch(s.get("/ui").Body, -1)
	if len(paths) != 3 {
		t.Fatalf("the layout refers to %v", paths)
	}

	for _, p := range paths {
		got := s.get(p[1])
		if got.Status != http.StatusOK ||
			got.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
			len(got.Body) < 100 {
			t.Errorf("%s answered %d, %v", p[1], got.Status, got.Header)
		}
	}

	if got := s.get("/ui/static/0000/ui.css"); got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a file of another build is cacheable: %v", got.Header)
	}

	if got := s.get("/ui/static/0000/passwd"); got.Status != http.StatusNotFound {
		t.Errorf("unknown file: got status %d", got.Status)
	}
}

func TestInvalidURLsReportTheProblem(t *testing.T) {
	t.Parallel()

	s := start(t)
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/view?colour=red": {
			http.StatusBadRequest,
			"<code>colour</code>: is not a filter; known filters: status, type, since, id, cursor",
		},
		"/view?status=strange": {http.StatusBadRequest, "&#34;strange&#34; is not one of queued, running"},
		"/view?cursor=x":       {http.StatusBadRequest, "is not a cursor of this list"},
		"/view/nowhere":        {http.StatusNotFound, "No such page."},
	} {
		got := s.get(path)
		if got.Status != want.status || !strings.Contains(got.Body, want.says) {
			t.Errorf("%s answered %d:\n%s", path, got.Status, got.Body)
		}
	}
}

func TestAProcessThatCannotWorkNeverLooksEmpty(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *web.Options) {
		o.Reader, o.Problems = nil, func() []string { return []string{"DATABASE_URL: is required"} }
	})

	got := s.get("/view")
	if got.Status != http.StatusServiceUnavailable ||
		!strings.Contains(got.Body, "DATABASE_URL: is required") ||
		strings.Contains(got.Body, "No jobs yet") {
		t.Errorf("answered %d:\n%s", got.Status, got.Body)
	}
}
