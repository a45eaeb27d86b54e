package repo_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()

	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func gridText(t *testing.T, r *repo.Repo, id state.JobID, stage string) (string, view.GridView) {
	t.Helper()

	g, err := r.ReadGrid(t.Context(), id, stage)
	if err != nil {
		t.Fatal(err)
	}

	var b strings.Builder

	next := 0
	for _, x := range g.Ranges {
		if x.First != next || x.Count < 1 {
			t.Fatalf("ranges have a gap or an overlap: %+v", g.Ranges)
		}

		next += x.Count
		fmt.Fprintf(&b, "%d %s, ", x.Count, x.Status)
	}

	return strings.TrimSuffix(b.String(), ", "), g
}

func TestAGridTellsEachStatusByRanges(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	id := rows.Insert(t, pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{
		{Name: "a", Planned: 20, Dispatched: 16, Completed: 4, Failed: 2, Cancelled: 1, Gen: 2},
		{Name: "later", DependsOn: []int16{0}},
	}})
	// tasks 8 to 11 are one held bundle; 9 failed once and waits under a
	// message of its own, 12 failed once and runs, 14 lost its worker
	exec(t, pool, `insert into tasks (job_id, stage, gen, index, failures, losses, attempt)
select job_id, 0, 2, i, (i <> 14)::int, (i = 14)::int, 1 from jobs, unnest(array[9, 12, 14]) i`)
	rows.InsertMessage(t, pool, id, rows.Message{Gen: 2, First: 8, Count: 4, Held: true})
	rows.InsertMessage(t, pool, id, rows.Message{Gen: 2, First: 9})
	rows.InsertMessage(t, pool, id, rows.Message{Gen: 2, First: 12, Held: true})
	rows.InsertMessage(t, pool, id, rows.Message{Gen: 1, First: 0, Count: 20, Held: true}) // of the past
	got, g := gridText(t, repo.New(pool), id, "a")

	want := "4 completed, 2 failed, 1 cancelled, 1 queued, 1 running, 1 retrying, 3 running, 1 queued, 1 " +
		"retrying, 5 queued"
	if got != want {
		t.Errorf("got  %s,\nwant %s", got, want)
	}

	if g.Cell != 1 || g.Final || g.Gen != 2 || g.Status != state.StageRunning ||
		g.Tasks != (view.TaskCounts{Total: 20, Queued: 8, Running: 5, Completed: 4, Failed: 2, Cancelled: 1}) {
		t.Errorf("the grid is %+v", g)
	}

	if got, g := gridText(t, repo.New(pool), id, "later"); got != "" || g.Cell != 1 || g.Ranges == nil {
		t.Errorf("a waiting stage is %q, %+v", got, g)
	}

	r := repo.New(pool)
	for _, c := range []struct {
		id    state.JobID
		stage string
	}{{id, "nope"}, {state.JobID{1}, "a"}} {
		if _, err := r.ReadGrid(t.Context(), c.id, c.stage); state.CodeOf(err) != state.CodeNotFound {
			t.Errorf("%s of %s: %v", c.stage, c.id.Short(), err)
		}
	}
}

func TestALargeGridShowsTheWorstOfEachCell(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	id := rows.Insert(
		t,
		pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 10_025, Dispatched: 10_025, Completed: 5_005}},
		},
	)
	exec(t, pool, `update tasks set status = 'failed', result = null, error = 'x' where index = 37;
update stages set completed = completed - 1, failed = 1`)
	rows.InsertMessage(t, pool, id, rows.Message{First: 5_010, Count: 20, Held: true})
	rows.InsertMessage(t, pool, id, rows.Message{First: 10_024, Held: true})
	got, g := gridText(t, repo.New(pool), id, "a")

	want := "30 completed, 10 failed, 4960 completed, 10 partly_completed, 20 running, 4990 queued, 5 running"
	if got != want || g.Cell != 10 {
		t.Errorf("got  %s,\nwant %s, %d tasks a cell", got, want, g.Cell)
	}

	if view.GridCell(100_000) != 10 || view.GridCell(100_001) != 100 || view.GridCell(10_000) != 1 ||
		view.GridCell(0) != 1 {
		t.Error("cells are not the least power of ten")
	}
}

// TestAGridIsCountedOnceForAllWhoWatch changes rows behind the back of the
// counters: who reads again soon sees the same grid.
func TestAGridIsCountedOnceForAllWhoWatch(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(
		t,
		pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 6, Dispatched: 6, Completed: 2}},
		},
	)
	_, first := gridText(t, r, id, "a")

	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			again, err := r.ReadGrid(t.Context(), id, "a")
			if err != nil || !again.At.Equal(first.At) {
				t.Errorf("it was counted again at %v, not %v, %v", again.At, first.At, err)
			}
		})
	}

	all.Wait()
	exec(t, pool, `insert into tasks (job_id, stage, gen, index, status, result, attempt, finished_at)
select job_id, 0, 1, i, 'completed', '1', 1, now() from jobs, generate_series(2, 5) i;
update stages set completed = 6, status = 'completed', finished_at = now()`)

	got, ended := gridText(t, r, id, "a") // readers see an end immediately
	if got != "6 completed" || !ended.Final {
		t.Errorf("it ended as %s, %+v", got, ended)
	}

	exec(t, pool, `delete from tasks`)

	if _, later := gridText(t, r, id, "a"); !later.At.Equal(ended.At) {
		t.Error("an ended stage was counted again")
	}

	exec(
		t,
		pool,
		`update stages set gen = 2, completed = 0, planned = 0, total = null, dispatched = 0,
			status = 'running', finished_at = null`,
	)

	if got, rerun := gridText(t, r, id, "a"); got != "" || rerun.Gen != 2 {
		t.Errorf("run again it is %s, %+v", got, rerun)
	}
}

// TestGridOfReplacedJobIsNotShown reads the grid of a running stage. The job is
// then deleted and submitted again, and its stage has other tasks.
func TestGridOfReplacedJobIsNotShown(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(
		t,
		pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 6, Dispatched: 6}},
		},
	)

	if got, _ := gridText(t, r, id, "a"); got != "6 queued" {
		t.Errorf("the grid is %s", got)
	}

	exec(t, pool, `update jobs set incarnation = default`)
	exec(t, pool, `update stages set planned = 9, total = 9, dispatched = 9`)

	if got, _ := gridText(t, r, id, "a"); got != "9 queued" {
		t.Errorf("the grid of the job that replaced it is %s", got)
	}
}

func TestListTasksOfARange(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(
		t,
		pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 30, Dispatched: 30, Completed: 8, Failed: 8}},
		},
	)
	rows.InsertMessage(t, pool, id, rows.Message{First: 16, Count: 10, Held: true})
	rows.InsertMessage(t, pool, id, rows.Message{First: 26, Count: 4})

	for _, c := range []struct {
		status   state.TaskStatus
		from, to int
		first    string
		count    int
	}{
		{"", 6, 27, "a/6 completed", 22},
		{state.TaskCompleted, 6, 27, "a/6 completed", 2},
		{state.TaskFailed, 10, 13, "a/10 failed", 4},
		{state.TaskRunning, 0, 17, "a/16 running", 2},
		{state.TaskQueued, 27, 28, "a/27 queued", 2},
		{"", 0, 1, "a/0 completed", 2},
		{"", 29, 99, "a/29 queued", 1},
		{"", 30, 99, "", 0},
	} {
		got := allTasks(
			t,
			r,
			id,
			view.TaskFilter{Stage: "a", Status: c.status, From: c.from, Until: c.to + 1, Limit: 3},
		)
		if len(got) != c.count || len(got) > 0 && got[0] != c.first {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}
