package web_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/web"
)

func TestFiltersAppearOnThePageAndInItsLinks(t *testing.T) {
	t.Parallel()
	s := start(t)

	for i, status := range []state.JobStatus{state.JobFailed, state.JobCompleted, state.JobCompleted} {
		j := rows.Job{
			Seed:   strconv.Itoa(i),
			Type:   "tile_index",
			Status: status,
			Stages: []rows.Stage{{Name: "a", Status: state.StageCompleted, Planned: 1, Completed: 1}},
		}
		if status == state.JobFailed {
			j.Error = `{"code":"permanent","message":"no"}`
		}

		rows.Insert(t, s.pool, j)
	}

	body := s.get("/view?status=failed&type=tile_index&since=24h").Body
	for _, want := range []string{
		`<a href="/api/ui?since=24h&amp;status=failed&amp;type=tile_index" aria-current="page">Failed ` +
			`<span class="count bad">1</span></a>`,
		`<a href="/api/ui?since=24h&amp;status=completed&amp;type=tile_index">Completed <span ` +
			`class="count ">2</span></a>`,
		`<option value="tile_index" selected>tile_index</option>`,
		`<option value="24h" selected>`,
		`<input type="hidden" name="status" value="failed">`,
		"Clear filters",
		`data-query="since=24h&amp;status=failed&amp;type=tile_index"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing", want)
		}
	}

	if n := strings.Count(body, `<tr id="job-`); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}

	two := s.get("/view?status=failed,running").Body
	if n := strings.Count(two, `aria-current="page"`); n != 2 {
		t.Errorf("with two statuses, %d are marked", n)
	}
}

func TestEmptyPagesSayWhatToDo(t *testing.T) {
	t.Parallel()

	s := start(t)
	if body := s.get(
		"/view",
	).Body; !strings.Contains(body, "No jobs yet") ||
		!strings.Contains(body, `data-post="/api/jobs/submit/hello_world"`) ||
		!strings.Contains(body, "corectl submit hello_world") {
		t.Errorf("without a job:\n%s", body)
	}

	rows.Insert(t, s.pool, rows.Job{Stages: []rows.Stage{{Name: "a"}}})

	body := s.get("/view?status=failed&since=1h").Body
	if !strings.Contains(body, "The filter selects jobs with status failed, younger than 1h.") ||
		strings.Contains(body, "No jobs yet") {
		t.Errorf("with a filter that matches nothing:\n%s", body)
	}
}

func TestJobsArePagedByKey(t *testing.T) {
	t.Parallel()

	s := start(t)
	for i := range 120 {
		rows.Insert(
			t,
			s.pool,
			rows.Job{
				Seed:   strconv.Itoa(i),
				Age:    time.Duration(i) * time.Minute,
				Stages: []rows.Stage{{Name: "a"}},
			},
		)
	}

	older := regexp.MustCompile(`href="/api/ui\?([^"]*)" rel="next"`)
	row := regexp.MustCompile(`<tr id="(job-[0-9a-f]{64})"`)

	seen, query := map[string]bool{}, ""
	for page := 0; ; page++ {
		body := s.get("/view?" + query).Body
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				t.Fatalf("%s is on two pages", m[1])
			}

			seen[m[1]] = true
		}

		if live := strings.Contains(body, "hx-sse:connect"); live != (page == 0) {
			t.Errorf("page %d is live: %v", page, live)
		}

		next := older.FindStringSubmatch(body)
		if next == nil {
			break
		}

		query = strings.ReplaceAll(next[1], "&amp;", "&")
	}

	if len(seen) != 120 {
		t.Errorf("%d of 120 jobs were listed", len(seen))
	}

	// Go back from the third page, over the second, to the first, which has a
	// URL without a cursor and is live.
	newer := regexp.MustCompile(`href="/api/ui\??([^"]*)" rel="prev">Newer<`)
	begin := regexp.MustCompile(`data-seen="([^"]+)"`)

	first := s.get("/view").Body
	for page, want := range []struct {
		rows   int
		newest bool
	}{{20, true}, {50, false}} {
		body := s.get("/view?" + query).Body

		back := newer.FindStringSubmatch(body)
		if n := strings.Count(
			body,
			`<tr id="job-`,
		); n != want.rows || back == nil ||
			strings.Contains(body, ">Newest<") != want.newest {
			t.Fatalf(
				"%d pages back from the last there are %d rows, and %v leads on:\n%s",
				page,
				n,
				back,
				body,
			)
		}

		if got, want := begin.FindStringSubmatch(
			body,
		), begin.FindStringSubmatch(
			first,
		); got == nil ||
			got[1] != want[1] {
			t.Errorf("newer jobs start after %v, want %v", got, want)
		}

		query = strings.ReplaceAll(back[1], "&amp;", "&")
	}

	if query != "" || newer.MatchString(first) {
		t.Errorf("the first page is at %q, with a newer page before it", query)
	}
}

func TestAnOutageNeverLooksEmpty(t *testing.T) {
	t.Parallel()
	s := start(t, inline)
	s.exec(`alter table jobs rename to jobs_gone`)

	for _, path := range []string{"/view", "/ui"} {
		got := s.get(path, "X-Request-Id", "ask-7")
		if got.Status < http.StatusInternalServerError || !strings.Contains(got.Body, "ask-7") ||
			strings.Contains(got.Body, "No jobs yet") ||
			strings.Contains(got.Body, "jobs_gone") {
			t.Errorf("%s answered %d:\n%s", path, got.Status, got.Body)
		}
	}
}

func TestTasksAreListedByTheirError(t *testing.T) {
	t.Parallel()
	s := start(t, func(*web.Options) {})
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "read", Planned: 20, Dispatched: 20, Completed: 10, Failed: 5}},
		},
	)
	s.exec(
		`update attempts set error = case when index < 13 then 'timeout after ' || index || ' s' else 'no ` +
			`such tile' end`,
	)
	body := s.get("/view/jobs/" + id.String()).Body

	link := regexp.MustCompile(`href="/api/ui(/jobs/[^"]*&amp;error=[0-9a-f]{16})"><code>timeout`).
		FindStringSubmatch(body)
	if link == nil {
		t.Fatalf("no link to the failed request:\n%s", body)
	}

	list := s.get("/view" + strings.ReplaceAll(link[1], "&amp;", "&")).Body
	if !strings.Contains(list, "timeout after # s") || strings.Count(list, `data-label="Task"`) != 3 {
		t.Errorf("got list:\n%s", list)
	}
}

func TestEmptyPageOffersAJobThatNeedsNoParameters(t *testing.T) {
	t.Parallel()

	s := start(t, inline, func(o *web.Options) {
		types := o.Types()
		needy := coremachine.JobType{Name: "a_list", Schema: []byte(`{"type":"object","required":["container"]}`)}
		o.Types = func() []coremachine.JobType { return append([]coremachine.JobType{needy}, types...) }
	})

	body := s.get("/ui").Body
	if !strings.Contains(body, `data-post="/api/jobs/submit/hello_world"`) || strings.Contains(body, "submit/a_list") {
		t.Error("the page offers a job that cannot be submitted without parameters")
	}
}
