package repo_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/test/worktest"
)

// massLossLimit is generous: an idle machine needs a tenth of it.
const massLossLimit = time.Minute

// TestMassLossIsRequeuedWithinSeconds orphans 1,000 messages that cover 100,000
// tasks of one job, and measures the time until the last task can be claimed
// again.
func TestMassLossIsRequeuedWithinSeconds(t *testing.T) { //nolint:paralleltest // it measures time
	r, err := repo.Open(t.Context(), repo.Config{URL: pgtest.URL(t)})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)
	pool, dead := r.Pool(), uuid.New()
	exec := func(sql string, args ...any) {
		t.Helper()

		if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	count := func(want int, sql string) {
		t.Helper()

		var got int
		if err := pool.QueryRow(t.Context(), sql).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, want %d; %v", sql, got, want, err)
		}
	}

	const n, bundle = 100_000, 100

	id := rows.Insert(t, pool, rows.Job{
		Type:   "unknown",
		Status: state.JobRunning,
		Stages: []rows.Stage{{Name: "many", Planned: n, Dispatched: n}},
	})
	exec(`update stages set task_window = $1`, n)
	exec(
		`insert into workers (worker_id, lease_until, build, host, pid) values ($1, now(), 'test', 'host', 7)`,
		dead,
	)
	exec(`
insert into messages (job_id, queue, kind, first, count, tasks_left, attempt, worker_id, claimed_at)
select $1, 2, 2, i * $3, $3, $3, 1, $4, now() from generate_series(0, $2::int / $3 - 1) i`, id[:], n, bundle, dead)

	begin := time.Now()
	m := coremachine.New(coremachine.Config{Store: r, Log: slog.New(slog.DiscardHandler), Build: "test"})

	m.Start(t.Context())
	defer func() {
		if err := m.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()

	worktest.UntilWithin(t, 3*massLossLimit, "all tasks are requeued", func() bool {
		var held int

		err := pool.QueryRow(t.Context(), `select count(*) from messages where worker_id is not null`).
			Scan(&held)

		return err == nil && held == 0
	})

	took := time.Since(begin)
	t.Logf("100,000 tasks were requeued after %s", took.Round(10*time.Millisecond))

	if took > massLossLimit {
		t.Errorf("100,000 tasks were requeued after %s, want at most %s", took, massLossLimit)
	}

	count(n, `select sum(tasks_left) from messages where worker_id is null and losses = 1 and attempt = 1`)
	count(n, `select count(distinct first + i) from messages, generate_series(0, count - 1) i`)
	count(n, `select count(*) from attempts where outcome = 'lost' and not final`)
	count(n, `select count(*) from tasks where status = 'queued' and losses = 1 and attempt = 1`)
	// A transaction adds one event for each stage, so none requeued more than
	// 5,000 tasks.
	count(0, `select count(*) from events where kind = 'work_lost' and (detail->>'tasks')::int > 5000`)
	count(n, `select sum((detail->>'tasks')::int) from events where kind = 'work_lost'`)
}
