package repo_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestEveryStatementPrepares finds unknown columns, wrong types and misspelt
// functions without running anything.
func TestEveryStatementPrepares(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)

	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()

	files, err := filepath.Glob("queries/*.sql")
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d statements, %v", len(files), err)
	}

	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}

		if !strings.HasPrefix(string(text), "-- ") {
			t.Errorf("%s does not begin with a comment that says why", f)
		}

		sql, _, err := pgx.NamedArgs{}.RewriteQuery(t.Context(), conn.Conn(), string(text), nil)
		if err != nil {
			t.Fatal(err)
		}

		if _, err := conn.Conn().Prepare(t.Context(), "", sql); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestTheDatabaseRefusesImpossibleRows tries to break each CHECK once. Each
// statement starts from legal rows.
func TestTheDatabaseRefusesImpossibleRows(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)

	legal := `
insert into jobs (job_id, job_type, params, pending_stages) values (sha256('a'), 'x', '{}', 1);
insert into stages (
  job_id, stage, name, task_type, kind, queue, depends_on, pending_dependencies,
  status, total, planned, dispatched
)
  values (sha256('a'), 0, 's', 't', 'dynamic', 2, '{}', 0, 'running', 10, 10, 10),
         (sha256('a'), 1, 'u', 't', 'fan_in', 2, '{0}', 1, 'waiting', null, 0, 0);
insert into tasks (job_id, stage, gen, index) values (sha256('a'), 0, 1, 0);
insert into messages (job_id, queue, kind) values (sha256('a'), 2, 2);
insert into attempts (job_id, stage, gen, index, attempt, outcome, error)
  values (sha256('a'), 0, 1, 0, 1, 'error', 'x');
insert into result_parts values (sha256('a'), 0, 1, 0, 1, 0, 'x');
insert into task_durations (task_type, nanos) values ('t', 1);
insert into schedules (name, declaration, next_at) values ('s', '{}', now());
insert into schedule_runs (name, outcome, slot, job_id) values ('s', 'fired', now(), sha256('a'));
insert into notifications (job_id, attempt, incarnation, callback_url, data)
  values (sha256('a'), 1, 1, 'https://a.example', '{}');
insert into job_terms values (sha256('a'), 'tag.env', 'prod', now());
insert into task_logs (job_id, stage, gen, index, incarnation, attempt, lines)
  values (sha256('a'), 0, 1, 0, 1, 1, '[]');
insert into trend_counts (minute, backend, job_type) values (now(), 1, 'x');
insert into trends values (date_trunc('minute', now()), 'x', 0, 0, 0, 0, 0, 0, 0, 0);
insert into queue_trends values (date_trunc('minute', now()), 1, 0, 0, 0);`
	if _, err := pool.Exec(t.Context(), legal); err != nil {
		t.Fatal(err)
	}

	violated := map[string]bool{}

	for _, bad := range []string{
		`update jobs set job_id = 'short'`,
		`update jobs set attempt = 0`,
		`update jobs set pending_stages = -1`,
		`update jobs set finished_at = now()`,
		`update jobs set status = 'completed', pending_stages = 0`,
		`update jobs set status = 'completed', finished_at = now()`,
		`update jobs set status = 'completed', pending_stages = 0, finished_at = now(), error = '{}'`,
		`update jobs set status = 'failed', finished_at = now()`,
		`update jobs set status = 'cancelled', finished_at = now()`,
		`update jobs set started_at = now()`,
		`update jobs set purge_started_at = now()`,
		`update jobs set result = convert_to(repeat('x', 1048577), 'utf8')`,
		`update jobs set finally_stages = -1`,
		`update jobs set outcome = 'completed', status = 'running'`,
		`update jobs set outcome = 'completed', finally_stages = 1`,
		`update jobs set outcome = 'running', finally_stages = 1, status = 'running'`,
		`update jobs set outcome = 'completed', finally_stages = 1, status = 'running', pending_stages = 2`,
		`update jobs set outcome = 'failed', finally_stages = 1, status = 'running'`,
		`update jobs set outcome = 'cancelled', finally_stages = 1, status = 'running'`,
		`insert into jobs (job_id, job_type, params, pending_stages, finally_stages, status, outcome, error)
			values (sha256('b'), 'x', '{}', 1, 1, 'running', 'completed', '{}')`,
		`insert into jobs (job_id, job_type, params, pending_stages, finally_stages, status, finished_at)
			values (sha256('b'), 'x', '{}', 0, 1, 'completed', now())`,
		`insert into jobs (job_id, job_type, params, pending_stages, finally_stages, status, finished_at, outcome,
				cancel_requested_at)
			values (sha256('b'), 'x', '{}', 0, 1, 'cancelled', now(), 'completed', now())`,
		`update jobs set stop_requested_at = now()`,
		`update stages set gen = 0`,
		`update stages set kind = 'loop'`,
		`update stages set expected = -1`,
		`update stages set task_window = 0`,
		`update stages set bundle = -1`,
		`update stages set tolerance = 1.5`,
		`update stages set pending_dependencies = -1 where stage = 1`,
		`update stages set total = 9 where stage = 0`,
		`update stages set completed = 11 where stage = 0`,
		`update stages set failed = -1, completed = 1 where stage = 0`,
		`update stages set dispatched = 11 where stage = 0`,
		`update stages set dispatched = 1 where stage = 1`,
		`update stages set total = 0 where stage = 1`,
		`update stages set reopening = true`,
		`update stages set pending_dependencies = 1 where stage = 0`,
		`update stages set status = 'completed', finished_at = now() where stage = 0`,
		`update stages set status = 'skipped', finished_at = now() where stage = 0`,
		`update stages set status = 'skipped', finished_at = now(), completed = 10 where stage = 0`,
		`update stages set finished_at = now() where stage = 0`,
		`update stages set depends_on = '{1}' where stage = 1`,
		`update stages set name = 's' where stage = 1`,
		`update tasks set index = -1`,
		`update tasks set attempt = -1`,
		`update tasks set failures = -1`,
		`update tasks set losses = -1`,
		`update tasks set result = '1'`,
		`update tasks set status = 'completed', finished_at = now(), attempt = 1`,
		`update tasks set status = 'completed', result = '1', attempt = 1`,
		`update tasks set status = 'completed', result = '1', finished_at = now()`,
		`update tasks set status = 'failed', finished_at = now()`,
		`update tasks set finished_at = now()`,
		`update tasks set input = convert_to(repeat('x', 65537), 'utf8')`,
		`update tasks set status = 'completed', attempt = 1, finished_at = now(),
			result = convert_to(repeat('x', 1048577), 'utf8')`,
		`update messages set kind = 7`,
		`update messages set first = -1`,
		`update messages set count = 0`,
		`update messages set tasks_left = 2`,
		`update messages set tasks_left = 0`,
		`update messages set attempt = -1`,
		`update messages set redrives = -1`,
		`update messages set worker_id = gen_random_uuid(), attempt = 1`,
		`update messages set claimed_at = now()`,
		`update messages set worker_id = gen_random_uuid(), claimed_at = now()`,
		`update messages set worker_id = gen_random_uuid(), claimed_at = now(), attempt = 1, dead_reason = 'x'`,
		`update attempts set attempt = 0`,
		`update attempts set outcome = 'tired'`,
		`update job_terms set term = 'env'`,
		`update job_terms set term = 'tag.'`,
		`update job_terms set term = 'tag.a b'`,
		`update job_terms set term = 'tag.' || repeat('x', 197)`,
		`update job_terms set value = ''`,
		`update job_terms set value = repeat('ä', 201)`,
		`insert into job_terms values (sha256('b'), 'tag.env', 'prod', now())`,
		`update task_logs set job_id = 'short'`,
		`update task_logs set index = -1`,
		`update task_logs set attempt = 0`,
		`update task_logs set dropped = -1`,
		`update task_logs set lines = ''`,
		`update task_logs set lines = convert_to(repeat('x', 65537), 'utf8')`,
		`update result_parts set part = -1`,
		`update result_parts set data = convert_to(repeat('x', 1048577), 'utf8')`,
		`update jobs set run_key = ''`,
		`update jobs set run_key = repeat('x', 201)`,
		`update jobs set callback_url = repeat('x', 2049)`,
		`update task_durations set nanos = 0`,
		`update schedules set name = ''`,
		`insert into schedules (name, declaration) values (repeat('x', 64), '{}')`,
		`update schedules set last_job_id = 'short'`,
		`update schedules set fired = -1`,
		`update schedules set skipped = -1`,
		`update schedules set missed = -1`,
		`update schedules set paused_at = now()`,
		`update schedules set removed_at = now()`,
		`update schedules set error = 'x'`,
		`update schedules set error_at = now()`,
		`update schedule_runs set outcome = 'late'`,
		`update schedule_runs set slots = 0`,
		`update schedule_runs set job_id = 'short'`,
		`update schedule_runs set slot = null`,
		`update schedule_runs set outcome = 'triggered'`,
		`update schedule_runs set job_id = null`,
		`update schedule_runs set outcome = 'triggered', slot = null, job_id = null`,
		`insert into schedule_runs (name, outcome, slot) values ('unknown', 'missed', now())`,
		`update notifications set attempt = 0`,
		`update notifications set tries = -1`,
		`update notifications set delivered_at = now(), failed_at = now()`,
		`update trend_counts set retries = -1`,
		`update trends set retries = -1`,
		`update trends set minute = minute + interval '1 second'`,
		`update queue_trends set waiting = -1`,
		`update queue_trends set dead = -1`,
		`update queue_trends set oldest_seconds = -1`,
		`update queue_trends set minute = minute + interval '1 second'`,
		`update attempts set stack = repeat('x', 16385)`,
		`insert into notifications (job_id, attempt, incarnation, callback_url, data)
			values (sha256('b'), 1, 1, '', '{}')`,
		`insert into stages (job_id, stage, name, task_type, kind, queue, depends_on, pending_dependencies)
			values (sha256('b'), 0, 's', 't', 'single', 2, '{}', 0)`,
	} {
		_, err := pool.Exec(t.Context(), bad)

		refused, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || !strings.HasPrefix(refused.Code, "23") {
			t.Errorf("%s: %v, want a violated constraint", bad, err)
			continue
		}

		violated[refused.ConstraintName] = true
	}

	mustViolateEachCheck(t, pool, violated)
}

// implied are constraints that no row violates alone, and the ones that imply
// them.
var implied = map[string]string{"messages_count_check": "tasks_left between 1 and count"}

// mustViolateEachCheck fails the test if a CHECK of the schema has no statement
// that violates it.
func mustViolateEachCheck(t *testing.T, pool *pgxpool.Pool, violated map[string]bool) {
	t.Helper()

	rows, err := pool.Query(t.Context(), `
		select conname
		from pg_constraint
		where contype = 'c' and connamespace = current_schema()::regnamespace and conrelid <> 0
		order by conname`)
	if err != nil {
		t.Fatal(err)
	}

	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 50 {
		t.Fatalf("found %d constraints, %v", len(names), err)
	}

	for _, name := range names {
		if _, known := implied[name]; !known && !violated[name] {
			t.Errorf("no statement violates the constraint %s", name)
		}
	}
}
