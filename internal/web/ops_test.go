package web_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/web"
)

func TestQueuesShowDepthAndDeadLetters(t *testing.T) {
	t.Parallel()
	s := start(t, inline)
	has(t, s.get("/ui/queues").Body, "No dead letters.", "long-tasks")
	has(t, s.get("/ui/queues/tasks/dead").Body, "Every message of tasks was processed")
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a/b", Planned: 900, Dispatched: 900}},
		},
	)

	for i, m := range []rows.Message{
		{Due: -2 * time.Minute},
		{Held: true},
		{Dead: nasty},
		{Dead: nasty, Gen: 9},
		{Dead: "MaxDeliveryCountExceeded", Count: 5},
	} {
		m.First = 10 * i
		rows.InsertMessage(t, s.pool, id, m)
	}

	body := s.get("/ui/queues").Body
	has(
		t,
		body,
		`data-label="Ready" class="n">1<`,
		`data-label="In flight" class="n">1<`,
		"2 m 0",
		`href="/api/ui/queues/tasks/dead"`,
	)

	if strings.Contains(body, "No dead letters.") {
		t.Error("the page says that existing dead letters do not exist")
	}

	body = s.get("/ui/queues/tasks/dead").Body
	has(
		t,
		body,
		"&lt;img src=x onerror=alert(1)&gt;",
		"Redrive all 2",
		"1 is still needed; 1 will be dropped",
		"docs/operations.md#max-delivery",
		`data-send="/api/queues/tasks/redrive?reason=MaxDeliveryCountExceeded"`,
		"tasks 40 to 44, 5 left",
		`href="/api/ui/jobs/`+id.String()+`/stages/a%2Fb/tasks/40"`,
		`data-wanted="false"`,
	)

	body = s.get("/ui/queues/tasks/dead?reason=MaxDeliveryCountExceeded").Body
	if n := strings.Count(body, "data-message="); n != 1 {
		t.Errorf("%d messages of one reason are shown", n)
	}

	if strings.Contains(body, "data-must=") {
		t.Error("the page requires typing the number of a few messages")
	}

	if _, err := s.pool.Exec(
		t.Context(),
		`insert into messages (job_id, queue, kind, first, dead_reason) select job_id, 2, 2, 100 + i, `+
			`'many' from jobs, generate_series(1, 101) i`,
	); err != nil {
		t.Fatal(err)
	}

	body = s.get("/ui/queues/tasks/dead").Body
	has(t, body, `data-must="101"`, `rel="next"`)

	next := regexp.MustCompile(`href="/api(/ui/queues/tasks/dead\?cursor=[^"]+)"`).FindStringSubmatch(body)
	if next == nil || !strings.Contains(s.get(next[1]).Body, "From the start") {
		t.Errorf("no second page after %v", next)
	}

	if got := s.get("/ui/queues/nope/dead"); got.Status != http.StatusNotFound {
		t.Errorf("unknown queue: got status %d", got.Status)
	}

	if got := s.get("/ui/queues/tasks/dead?cursor=x"); got.Status != http.StatusBadRequest {
		t.Errorf("invalid cursor: got status %d", got.Status)
	}
}

func TestBrokerDeadLettersCanBeRedrivenWithoutRows(t *testing.T) {
	t.Parallel()
	s := start(t, inline, func(o *web.Options) { o.Transport = "servicebus" })
	has(t, s.get("/ui/queues/tasks/dead").Body, "Redrive dead letters of Service Bus")
}

func TestSweepsShowFindingsAndSchedule(t *testing.T) {
	t.Parallel()
	s := start(t, inline)
	has(t, s.get("/ui/sweeps").Body, "No sweep has run yet", `data-send="/api/sweeps"`)

	exec := func(sql string) {
		t.Helper()

		if _, err := s.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(
		`insert into sweeps (started_at, ended_at, found)
select now() - i * interval '1 minute', now() - i * interval '1 minute' + interval '41 ms',
'{"lost":0,"dead":0,"resent":0,"repaired":0,"expired":0,"purged":0}' from generate_series(40, 0, -1) i`,
	)

	body := s.get("/ui/sweeps").Body
	has(t, body, "No stalled work", "None of the last 41 sweeps", "41 ms", `rel="next"`)

	if strings.Contains(body, `role="alert"`) {
		t.Error("a sweep of this minute is reported as late")
	}

	due := regexp.MustCompile(`Next sweep</dt><dd><time datetime="([^"]+)"[^>]*>(in \d+ s|now)<`).
		FindStringSubmatch(body)
	if due == nil {
		t.Fatalf("the page does not show when the next sweep is due:\n%s", body)
	}

	if at, err := time.Parse(
		time.RFC3339,
		due[1],
	); err != nil || at.Second() != 0 || time.Until(at) > time.Minute ||
		time.Until(at) < -time.Minute {
		t.Errorf("the next sweep is due at %s, %v", due[1], err)
	}

	exec(`update sweeps set found = '{"lost":1234,"dead":2}', error = 'pq: hunter2' where sweep_id = 30`)

	body = s.get("/ui/sweeps").Body
	has(t, body, "<strong>1,234</strong>", "some steps failed: see the log")

	if strings.Contains(body, "hunter2") || strings.Contains(body, "No stalled work") {
		t.Error("the findings of a sweep are wrong")
	}

	exec(
		`update sweeps set started_at = started_at - interval '1 hour', ended_at = ended_at - interval '1 hour'`,
	)
	has(t, s.get("/ui/sweeps").Body, "The last sweep was", `role="alert"`, "overdue")
}

func TestHealthListsFailuresFirst(t *testing.T) {
	t.Parallel()

	view := api.HealthView{
		Status:    "degraded",
		Version:   "v1",
		Commit:    "0123456789ab",
		Transport: "postgres",
		Started:   time.Now().Add(-time.Hour),
		Jobs:      []string{"hello_world"},
		Checks: map[string]api.CheckView{
			"database": {Status: "ok", TookMs: 3, Detail: map[string]any{"schema_version": 14, "needed": 14}},
			"worker": {
				Status:   "failed",
				Optional: true,
				Message:  nasty,
				Since:    time.Now().Add(-5 * time.Minute),
			},
		},
	}
	s := start(t, inline, func(o *web.Options) {
		o.Health = func(context.Context) api.HealthView { return view }
	})
	body := s.get("/ui/health").Body
	has(
		t,
		body,
		"degraded",
		"<code>0123456789ab</code>",
		"<code>14</code>",
		"needed 14, schema version 14",
		"&lt;img src=x",
		"5 m ago",
		`href="/api/ui/types/hello_world"`,
	)

	if strings.Index(body, "<strong>worker</strong>") > strings.Index(body, "<strong>database</strong>") {
		t.Error("failures are not listed first")
	}

	s = start(t, inline, func(o *web.Options) {
		o.Reader, o.Problems = nil, func() []string { return []string{"DATABASE_URL: is required"} }
	})

	got := s.get("/ui/health")
	if got.Status != http.StatusOK {
		t.Errorf("health of a process that cannot work: got status %d", got.Status)
	}

	has(t, got.Body, "unavailable", "DATABASE_URL: is required")

	for _, path := range []string{"/ui/queues", "/ui/sweeps", "/ui/types", "/ui/queues/tasks/dead"} {
		if got := s.get(
			path,
		); got.Status != http.StatusServiceUnavailable ||
			!strings.Contains(got.Body, "DATABASE_URL: is required") {
			t.Errorf("%s without a reader: got status %d", path, got.Status)
		}
	}
}

func TestOperationalPagesHaveNoInlineScripts(t *testing.T) {
	t.Parallel()
	s := start(t, typed)
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 3, Dispatched: 3, Failed: 1}},
		},
	)
	rows.InsertMessage(t, s.pool, id, rows.Message{First: 1, Dead: "x"})

	inlined := regexp.MustCompile(
		`(?i)<[a-z][^>]*\s(style|on[a-z]+)=["']|<style|<script(>|\s+[^s])|hx-on|javascript:`,
	)

	for _, path := range []string{
		"/ui/queues", "/ui/queues/tasks/dead", "/ui/sweeps", "/ui/health", "/ui/types",
		"/ui/types/tile_index", "/ui/docs",
		"/ui/jobs/" + id.String() + "/stages/a/tasks/0", "/view/queues", "/view/types",
	} {
		got := s.get(path)
		if got.Status != http.StatusOK ||
			!strings.HasPrefix(
				got.Header.Get("Content-Security-Policy"),
				"default-src 'none'; script-src 'self'; style-src 'self'",
			) {
			t.Errorf("%s: got status %d with policy %q", path, got.Status, got.Header.Get("Content-Security-Policy"))
		}

		if found := inlined.FindString(got.Body); found != "" {
			t.Errorf("%s contains %q", path, found)
		}

		seen := map[string]bool{}
		for _, one := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(got.Body, -1) {
			if seen[one[1]] {
				t.Errorf("%s has two elements with the id %s", path, one[1])
			}

			seen[one[1]] = true
		}
	}
}
