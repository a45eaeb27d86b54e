package web_test

import (
	"html"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/web"
)

var (
	timeElement = regexp.MustCompile(`<time datetime="([^"]+)" title="([^"]+)" data-t="([a-z]+)">([^<]+)</time>`)
	wholeTime   = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d(\.\d{3})?)? UTC$`)
	relative    = regexp.MustCompile(`^(\d+ [smhd] ago|in .+|now|[\d.]+ m?s|\d+ [mhd] \d\d? [smh])$`)
)

func TestEveryTimeHasItsDateAndZone(t *testing.T) {
	t.Parallel()
	s := start(t, inline)
	id := hostileRecords(t, s)
	insertTrends(t, s)

	old := rows.Insert(t, s.pool, rows.Job{
		Seed: "old", Type: "old", Age: 30 * 24 * time.Hour, Status: state.JobCompleted,
		Stages: []rows.Stage{{Name: "a", Status: state.StageCompleted, Planned: 1, Completed: 1}},
	}).String()

	kinds := map[string]int{}

	for _, path := range []string{
		"/ui", "/ui/jobs/" + old, "/ui/jobs/" + id, "/ui/jobs/" + id + "/events",
		"/ui/trends", "/ui/schedules", "/ui/sweeps",
		"/view/jobs/" + old + "/stages/a/grid",
	} {
		body := s.get(path).Body
		for _, m := range timeElement.FindAllStringSubmatch(body, -1) {
			kinds[m[3]]++

			if whole := slices.Contains([]string{"exact", "precise", "minute"}, m[3]); !wholeTime.MatchString(m[4]) &&
				(whole || !relative.MatchString(m[4])) {
				t.Errorf("%s shows %q for %s", path, m[4], m[1])
			}

			if !wholeTime.MatchString(m[2]) || !strings.HasSuffix(m[1], "Z") {
				t.Errorf("%s has the time %s, titled %q", path, m[1], m[2])
			}
		}

		if n := strings.Count(body, "<time "); n != len(timeElement.FindAllString(body, -1)) {
			t.Errorf("%s has times of another form", path)
		}
	}

	for _, kind := range []string{"exact", "precise", "minute", "ago"} {
		if kinds[kind] == 0 {
			t.Errorf("no page has a time of the kind %s: %v", kind, kinds)
		}
	}

	has(t, s.get("/ui").Body, `data-act="zone"`, "Local time")
}

func TestEventsHaveOneOrderOnAllPages(t *testing.T) {
	t.Parallel()
	s := start(t, inline)

	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{{Name: "a", Planned: 2}}})
	for _, by := range []string{"first", "second", "third"} {
		rows.InsertEvent(t, s.pool, id, "rerun", -1, -1, `{"by":"`+by+`"}`)
	}

	for _, path := range []string{"/ui/jobs/" + id.String(), "/ui/jobs/" + id.String() + "/events"} {
		body := s.get(path).Body
		has(t, strings.ToLower(body), "oldest first")

		_, list, _ := strings.Cut(body, `<ol class="events">`)
		first, second := strings.Index(list, "by first"), strings.Index(list, "by second")
		third := strings.Index(list, "by third")

		if first < 0 || first > second || second > third {
			t.Errorf("%s lists the events at %d, %d and %d", path, first, second, third)
		}
	}

	has(t, s.get("/ui/jobs/"+id.String()).Body, "submitted by third")
}

func TestLongMessagesAreFoldedWithTheWholeText(t *testing.T) {
	t.Parallel()
	s := start(t, inline)

	id := rows.Insert(t, s.pool, rows.Job{
		Status: state.JobFailed, Error: `{"code":"tasks_failed","message":"1 task failed"}`,
		Stages: []rows.Stage{{Name: "a", Status: state.StageFailed, Planned: 1, Failed: 1}},
	})
	message := strings.Repeat("cannot read the tile; ", 60) + "the end"

	for _, sql := range []string{
		`update attempts set error = $1`,
		`update tasks set error = json_build_object('code', 'permanent', 'message', $1::text)::text`,
	} {
		if _, err := s.pool.Exec(t.Context(), sql, message); err != nil {
			t.Fatal(err)
		}
	}

	rows.InsertEvent(t, s.pool, id, "job_failing", -1, -1, `{"message":"`+message+`"}`)
	rows.InsertMessage(t, s.pool, id, rows.Message{Dead: message})

	job := "/ui/jobs/" + id.String()
	for _, path := range []string{
		job, job + "/events", job + "/stages/a?view=list", job + "/stages/a/tasks/0", "/ui/queues/tasks/dead",
	} {
		body := html.UnescapeString(s.get(path).Body)

		_, fold, found := strings.Cut(body, `<details class="fold"><summary><code>`)
		start, whole, _ := strings.Cut(fold, "</summary>")

		if !found || len(start) > 500 || !strings.Contains(whole, message+"</pre>") {
			t.Errorf("%s does not fold the message", path)
		}
	}
}

func TestPageOfATypeLeadsToItsJobs(t *testing.T) {
	t.Parallel()
	s := start(t, inline)
	has(t, s.get("/ui/types/hello_world").Body, `href="/api/ui?type=hello_world"`)
}

func TestRunbookIsServedWithAllItsEntries(t *testing.T) {
	t.Parallel()
	s := start(t) // without a key

	page := s.get("/ui/help/operations")
	if page.Status != http.StatusOK || strings.Contains(page.Body, "raw HTML omitted") ||
		strings.Contains(page.Body, "ZgotmplZ") {
		t.Fatalf("got status %d:\n%.2000s", page.Status, page.Body)
	}

	source, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}

	anchors := regexp.MustCompile(`<a id="([a-z-]+)"></a>`).FindAllStringSubmatch(string(source), -1)
	if len(anchors) < 30 {
		t.Errorf("the runbook has %d anchors", len(anchors))
	}

	for _, a := range anchors {
		if n := strings.Count(page.Body, ` id="`+a[1]+`"`); n != 1 {
			t.Errorf("the page has %d elements with the id %s", n, a[1])
		}
	}

	// Links of the page lead to its own entries, or away.
	for _, link := range regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(page.Body, -1) {
		anchor, own := strings.CutPrefix(link[1], "#")
		if own && !strings.Contains(page.Body, ` id="`+anchor+`"`) || strings.Contains(link[1], ".md") {
			t.Errorf("the link %s leads nowhere", link[1])
		}
	}

	if got := s.get("/ui/help/other"); got.Status != http.StatusNotFound {
		t.Errorf("an unknown page is answered with %d", got.Status)
	}
}

func TestPointersToTheRunbookAreLinks(t *testing.T) {
	t.Parallel()

	s := start(t, inline)
	hostileRecords(t, s)

	runbook := s.get("/ui/help/operations").Body
	links := 0

	pages := []string{s.get("/ui/queues").Body, s.get("/ui/queues/tasks/dead").Body, s.get("/ui/trends").Body}

	away := start(t, inline, func(o *web.Options) {
		o.Reader, o.Types = nil, func() []coremachine.JobType { return nil }
		o.Problems = func() []string { return []string{"the schema is too old"} }
	})
	pages = append(pages, away.get("/ui/health").Body, away.get("/ui").Body)

	for i, body := range pages {
		found := regexp.MustCompile(`<a [^>]*href="/api/ui/help/operations#([a-z-]+)">docs/operations.md#`).
			FindAllStringSubmatch(body, -1)
		links += len(found)

		if len(found) != strings.Count(body, "docs/operations.md") || len(found) == 0 {
			t.Errorf("page %d has %d pointers and %d links", i, strings.Count(body, "docs/operations.md"), len(found))
		}

		for _, link := range found {
			if !strings.Contains(runbook, ` id="`+link[1]+`"`) {
				t.Errorf("the runbook has no entry %s", link[1])
			}
		}
	}

	if links < 6 {
		t.Errorf("the pages have %d links to the runbook", links)
	}
}
