package repo_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/test/pgtest"
)

// allTrends adds up all counts, including those that no sweep has added yet.
const allTrends = `select t.* from (
	select minute, job_type, jobs_started, jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled,
		tasks_completed, tasks_failed, retries from trends
	union all
	select minute, job_type, jobs_started, jobs_completed, jobs_with_errors, jobs_failed, jobs_cancelled,
		tasks_completed, tasks_failed, retries from trend_counts) t`

// TestTrendsCountWhatStartsAndEnds compares the trends with the records of the
// jobs, by job type.
func TestTrendsCountWhatStartsAndEnds(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestTrendsCountWhatStartsAndEnds) {
		return
	}

	e := enginetest.Start(t, enginetest.Options{
		Jobs: allShapes(), Handlers: fixtures.Handlers(), Processes: 2,
	})
	for _, job := range []struct{ name, params string }{
		{"hello", `{"n":20,"message":"a"}`},
		{"hello", `{"n":3,"message":"b"}`},
		{"flaky", `{"n":5}`},
		{"flaky", `{"n":4,"times":3}`},
		{"match_failed", `{"n":12}`},
		{"tidy", `{"n":6,"seed":1}`},
		{"diamond", `{}`},
		{"zero", `{}`},
		{"skip", `{}`},
		{"parts", `{}`},
	} {
		e.Wait(e.Submit(job.name, job.params))
	}

	stopped := e.Submit("wide", `{"n":5000}`)

	until(t, "the job runs", func() bool { return e.Read(stopped).Status == state.JobRunning })

	if err := e.Process(0).Machine.Cancel(t.Context(), stopped, ""); err != nil {
		t.Fatal(err)
	}

	e.Wait(stopped)

	for i := range 2 {
		sweep(t, e)

		for what, sql := range map[string]string{
			"jobs started": `select job_type, sum(jobs_started) from (` + allTrends + `) t group by 1
				except select job_type, count(*) from jobs group by 1`,
			"jobs ended": `select job_type, sum(jobs_completed), sum(jobs_with_errors), sum(jobs_failed),
					sum(jobs_cancelled) from (` + allTrends + `) t group by 1
				except select job_type,
					count(*) filter (where status = 'completed'),
					count(*) filter (where status = 'completed_with_errors'),
					count(*) filter (where status = 'failed'),
					count(*) filter (where status = 'cancelled')
				from jobs group by 1`,
			"tasks": `select job_type, sum(tasks_completed), sum(tasks_failed) from (` + allTrends + `) t group by 1
				except select job_type, sum(completed), sum(failed) from stages join jobs using (job_id) group by 1`,
			"retries": `select job_type, sum(retries) from (` + allTrends + `) t group by 1
				except select j.job_type, count(a.*) from jobs j left join attempts a on a.job_id = j.job_id
					and not a.final and a.outcome not in ('cancelled', 'interrupted') group by 1`,
			"types": `select job_type from jobs except select job_type from (` + allTrends + `) t`,
		} {
			if n := query(t, e, `select count(*) from (`+sql+`) x`); n > 0 {
				t.Errorf("sweep %d: %s: %d types differ from their jobs", i, what, n)
			}
		}
	}
}

// TestEveryEndOfAJobIsCounted finds a statement that logs the end of a job and
// does not count it.
func TestEveryEndOfAJobIsCounted(t *testing.T) {
	t.Parallel()

	files, err := filepath.Glob("queries/*.sql")
	if err != nil {
		t.Fatal(err)
	}

	found := 0

	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}

		if !strings.Contains(string(text), "'job_ended'") {
			continue
		}

		found++

		if !strings.Contains(string(text), "insert into trend_counts") {
			t.Errorf("%s ends jobs and does not count them", f)
		}
	}

	if found < 4 {
		t.Errorf("found %d statements that end jobs", found)
	}
}

// TestLostTasksAreCounted requeues the work of a lost worker, and fails it.
func TestLostTasksAreCounted(t *testing.T) {
	t.Parallel()

	h := newManualJob(t, `{"n":1}`, fourInABundle)

	for h.number(`select count(*) from messages where kind = 2`) > 0 {
		h.claim(h.a, state.KindTasks, 1)
		h.exec(`update workers set lease_until = now() - interval '1 hour'`)

		orphans, err := h.Orphans(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}

		if _, _, err := h.ReclaimExpired(t.Context(), h.a, orphans); err != nil {
			t.Fatal(err)
		}

		h.exec(`update workers set lease_until = now() + interval '1 hour'`)
		h.exec(`update messages set due_at = now()`)
	}

	h.count(h.number(`select sum(losses) from tasks`),
		`select sum(retries + tasks_failed) from (`+allTrends+`) t`)
	h.count(h.number(`select count(*) from tasks where status = 'failed'`),
		`select sum(tasks_failed) from (`+allTrends+`) t`)
}

// number reads one number.
func (h *manualJob) number(sql string) (n int) {
	h.t.Helper()

	if err := h.Pool().QueryRow(h.t.Context(), sql).Scan(&n); err != nil {
		h.t.Fatal(err)
	}

	return n
}

const insertCount = `insert into trend_counts as t (minute, backend, job_type, tasks_completed)
	values (date_trunc('minute', now()) - make_interval(mins => $1), $2, 'x', 1)
	on conflict (minute, backend, job_type) do update
	set tasks_completed = t.tasks_completed + excluded.tasks_completed`

func trendSum(t *testing.T, pool *pgxpool.Pool, from string) (n int) {
	t.Helper()

	err := pool.QueryRow(t.Context(), `select coalesce(sum(tasks_completed), 0) from `+from).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}

	return n
}

// TestConcurrentSweepsAddEachCountOnce counts in past minutes while many
// processes sweep.
func TestConcurrentSweepsAddEachCountOnce(t *testing.T) {
	t.Parallel()

	const (
		writers = 4
		counts  = 100
	)

	pool := pgtest.Schema(t)
	r := repo.New(pool)

	ctx, stop := context.WithCancel(t.Context())

	var sweepers, counters sync.WaitGroup

	for range 4 {
		sweepers.Go(func() {
			for ctx.Err() == nil {
				if err := r.RecordTrends(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}

	for backend := range writers {
		counters.Go(func() {
			for i := range counts {
				if _, err := pool.Exec(t.Context(), insertCount, 1+i%3, backend); err != nil {
					t.Error(err)
				}
			}
		})
	}

	counters.Wait()
	stop()
	sweepers.Wait()

	if err := r.RecordTrends(t.Context()); err != nil {
		t.Fatal(err)
	}

	added, left := trendSum(t, pool, "trends"), trendSum(t, pool, "trend_counts")
	if added != writers*counts || left != 0 {
		t.Errorf("%d of %d counts were added, and %d are left", added, writers*counts, left)
	}
}

// TestLateCountIsAddedToItsMinute has a transaction commit after the sweep of
// its minute. The sweep does not wait for it.
func TestLateCountIsAddedToItsMinute(t *testing.T) {
	t.Parallel()

	pool := pgtest.Schema(t)
	r := repo.New(pool)
	exec(t, pool, insertCount, 1, 1)

	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()

	if _, err := tx.Exec(t.Context(), insertCount, 1, 1); err != nil {
		t.Fatal(err)
	}

	for _, backend := range []int{2, 3} {
		exec(t, pool, insertCount, 1, backend)

		if err := r.RecordTrends(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	if n := trendSum(t, pool, "trends"); n != 2 {
		t.Errorf("%d counts were added before the commit, want 2", n)
	}

	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}

	if err := r.RecordTrends(t.Context()); err != nil {
		t.Fatal(err)
	}

	if n := trendSum(t, pool, "trends"); n != 4 {
		t.Errorf("%d counts were added, want 4", n)
	}
}

// TestTrendsOfTheCurrentMinuteAreNotAdded leaves the counts of a minute where
// its transactions write them, until it is over.
func TestTrendsOfTheCurrentMinuteAreNotAdded(t *testing.T) {
	t.Parallel()

	pool := pgtest.Schema(t)
	exec(t, pool, insertCount, -1, 1) // a minute that is not over, however long the test takes

	if err := repo.New(pool).RecordTrends(t.Context()); err != nil {
		t.Fatal(err)
	}

	if n := trendSum(t, pool, "trend_counts"); n != 1 {
		t.Errorf("%d counts are left, want 1", n)
	}
}

// TestQueuesOfAMinuteAreRecordedOnce keeps what the first sweep of a minute
// found.
func TestQueuesOfAMinuteAreRecordedOnce(t *testing.T) {
	t.Parallel()

	pool := pgtest.Schema(t)
	r := repo.New(pool)

	if err := r.RecordTrends(t.Context()); err != nil {
		t.Fatal(err)
	}

	exec(t, pool, `update queue_trends set waiting = 77`)

	for range 2 {
		if err := r.RecordTrends(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	var rows, minutes, changed int

	err := pool.QueryRow(t.Context(), `select count(*), count(distinct minute),
		count(*) filter (where waiting <> 77 and minute = (select min(minute) from queue_trends)) from queue_trends`).
		Scan(&rows, &minutes, &changed)
	if err != nil || rows != minutes*len(state.Queues) || changed != 0 {
		t.Errorf("%d rows of %d minutes, %d were changed, %v", rows, minutes, changed, err)
	}
}

// TestOldTrendsAreDeletedInBatches deletes what is past its retention and keeps
// the rest.
func TestOldTrendsAreDeletedInBatches(t *testing.T) {
	t.Parallel()

	pool := pgtest.Schema(t)
	r := repo.New(pool)
	exec(t, pool, `
insert into trends
select date_trunc('minute', now()) - make_interval(mins => m), 'a', 0, 0, 0, 0, 0, 1, 0, 0
from generate_series(1, 7 * 24 * 60 + 15000) m`)
	exec(t, pool, `insert into queue_trends select minute, 1, 0, 0, 0 from trends`)

	for _, left := range []int{7*24*60 + 5000, 7 * 24 * 60} {
		if err := r.RecordTrends(t.Context()); err != nil {
			t.Fatal(err)
		}

		for _, table := range []string{"trends", "queue_trends"} {
			var n int

			err := pool.QueryRow(t.Context(), "select count(*) from "+table).Scan(&n)
			if err != nil || n < left-3 || n > left+9 {
				t.Errorf("%s has %d rows, want %d, %v", table, n, left, err)
			}
		}
	}
}
