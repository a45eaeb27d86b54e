package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

// TestSchedulesPagesShowStateSlotsAndActions shows an active, a paused, a late and
// a removed schedule.
func TestSchedulesPagesShowStateSlotsAndActions(t *testing.T) {
	t.Parallel()

	s := start(t, inline)
	has(t, s.get("/ui/schedules").Body, "No schedules")

	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobCompleted, Type: "tick"})
	text := state.ScheduleDeclaration{
		Cron: "0 3 * * *", Zone: "Europe/Berlin", JobType: "tick", Params: []byte(`{"n":"<b>"}`),
		Overlap: state.OverlapCancelPrevious, Missed: state.MissedIgnore,
	}.Text()

	for _, sql := range []string{
		`insert into schedules (name, declaration, next_at, last_job_id, fired, missed)
			values ('active', @text, now() + interval '90 minutes', @id, 1234, 5)`,
		`insert into schedules (name, declaration, paused_at, paused_by)
			values ('paused', @text, now(), 'ann <i>')`,
		`insert into schedules (name, declaration, next_at, error, error_at)
			values ('late', @text, now() - interval '1 minute', 'no container <script>', now())`,
		`insert into schedules (name, declaration, removed_at) values ('removed', @text, now())`,
		`insert into schedule_runs (name, outcome, slot, slots, job_id, by)
			values ('active', 'fired', now(), 1, @id, ''), ('active', 'missed', now(), 5, null, ''),
				('active', 'triggered', null, 1, @id, 'ann')`,
	} {
		if _, err := s.pool.Exec(t.Context(), sql, pgx.NamedArgs{"text": text, "id": id[:]}); err != nil {
			t.Fatal(err)
		}
	}

	body := s.get("/ui/schedules").Body
	has(t, body, `href="/api/ui/schedules/active"`, "Europe/Berlin", "1 h ", `href="/api/ui/types/tick"`)

	body = s.get("/ui/schedules/active").Body
	has(t, body,
		"cancel the last job; missed slots: none", "1,234", `data-post="/api/schedules/active/pause"`,
		`data-post="/api/schedules/active/trigger"`, `data-post="/api/schedules/active/backfill?from=`,
		"triggered by ann", "missed", "{&#34;n&#34;:", `href="/api/ui/jobs/`+id.String()+`"`)
	has(t, s.get("/ui/schedules/paused").Body,
		`data-post="/api/schedules/paused/resume"`, "by ann &lt;i&gt;")
	has(t, s.get("/ui/schedules/late").Body, "no container &lt;script&gt;", "has not started its job")

	body = s.get("/ui/schedules/removed").Body
	hasNot(t, body, `data-post="/api/schedules/removed/trigger"`, `data-post="/api/schedules/removed/pause"`)

	if got := s.get("/ui/schedules/unknown").Status; got != http.StatusNotFound {
		t.Errorf("an unknown schedule is answered with %d", got)
	}
}

// TestJobPageShowsItsNotification shows a notification that has failed.
func TestJobPageShowsItsNotification(t *testing.T) {
	t.Parallel()

	s := start(t, inline)
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning})

	for _, sql := range []string{
		`update jobs set callback_url = 'https://hooks.example.com/x?token=secret' where job_id = @id`,
		`update jobs set status = 'completed', pending_stages = 0, finished_at = now() where job_id = @id`,
		`update notifications set failed_at = now(), error = 'answered <410>' where job_id = @id`,
	} {
		if _, err := s.pool.Exec(t.Context(), sql, pgx.NamedArgs{"id": id[:]}); err != nil {
			t.Fatal(err)
		}
	}

	body := s.get("/ui/jobs/" + id.String()).Body
	has(t, body, "notification of hooks.example.com failed", "answered &lt;410&gt;")
	hasNot(t, body, "token=secret")
}

// hasNot fails the test if a body contains one of the texts.
func hasNot(t *testing.T, body string, texts ...string) {
	t.Helper()

	for _, text := range texts {
		if strings.Contains(body, text) {
			t.Errorf("the body contains %q", text)
		}
	}
}
