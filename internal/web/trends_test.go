package web_test

import (
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/test/pgtest/rows"
)

// insertTrends adds a minute of ten minutes ago, on each of the last four days.
func insertTrends(t *testing.T, s *site) {
	t.Helper()

	if _, err := s.pool.Exec(t.Context(), `
		insert into trends
		select date_trunc('minute', now()) - make_interval(mins => 10, days => d), 'hello_world',
			1, 0, 0, 1, 0, 600, 60, 30
		from generate_series(0, 3) d;
		insert into queue_trends
		values (date_trunc('minute', now()) - interval '10 minutes', 1, 1234, 0, 75)`); err != nil {
		t.Fatal(err)
	}
}

// TestTrendsPage shows charts with gaps, the same in numbers, and how the last
// hour compares.
func TestTrendsPage(t *testing.T) {
	t.Parallel()

	empty := start(t, inline).get("/ui/trends").Body
	has(t, empty, "Nothing recorded yet")

	for _, figure := range []string{`<dl class="figures">`, `<figure class="chart">`, "Tasks per second"} {
		if strings.Contains(empty, figure) {
			t.Errorf("nothing is recorded, but the page has %q", figure)
		}
	}

	s := start(t, inline)
	insertTrends(t, s)

	body := s.get("/ui/trends?window=24h").Body
	has(t, body, `aria-current="page">Last 24 hours`, "as usual, compared with the same hour of the 2 days before",
		"Messages waiting", "jobs <span class=\"muted\">max 1,234", "1 m 15 s",
		`/ui/trends?type=hello_world&amp;window=24h`)

	body = s.get("/ui/trends?type=hello_world").Body
	if strings.Contains(body, "Messages waiting") {
		t.Error("the queues of one job type are shown, which are not recorded")
	}

	has(t, body, "Tasks per second", ">660<", `<option value="hello_world" selected>hello_world`)

	for _, page := range []string{"/ui", "/ui/types", "/ui/types/hello_world"} {
		has(t, s.get(page).Body, `<dl id="trends"`, "660 tasks", "as usual")
	}

	if got := s.get("/ui/trends?window=2h"); got.Status != http.StatusBadRequest {
		t.Errorf("an unknown window: %d", got.Status)
	}
}

// TestJobsCanBeSelectedForEachAction offers what the script of the page needs.
func TestJobsCanBeSelectedForEachAction(t *testing.T) {
	t.Parallel()

	s := start(t, inline)
	id := rows.Insert(t, s.pool, rows.Job{Type: "hello_world", Stages: []rows.Stage{{Name: "a"}}})
	has(t, s.get("/ui").Body,
		`data-bulk="retry"`, `data-bulk="cancel"`, `data-bulk="delete"`, `data-pick-all`,
		`data-pick="`+id.String()+`"`, `data-type="hello_world"`)
}
