package repo_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

// allTasks pages through a list, limit at a time, and names what it holds.
func allTasks(t *testing.T, r *repo.Repo, id state.JobID, f view.TaskFilter) []string {
	t.Helper()

	var got []string

	for range 1000 {
		page, err := r.ListTasks(t.Context(), id, f)
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}

		if len(page.Items) > f.Limit {
			t.Fatalf("%+v: a page of %d", f, len(page.Items))
		}

		for _, task := range page.Items {
			got = append(got, fmt.Sprintf("%s/%d %s", task.Stage, task.Index, task.Status))
		}

		if page.Next == nil {
			return got
		}

		f.After = page.Next
	}

	t.Fatalf("%+v: the list does not end", f)

	return nil
}

func TestListTasksFindsEachStatusWhereItIs(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(t, pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{
		{Name: "a", Planned: 10, Dispatched: 8, Completed: 2, Failed: 2, Cancelled: 1, Gen: 2},
		{Name: "waiting", DependsOn: []int16{0}},
		{Name: "b", Planned: 3, Dispatched: 3, Failed: 3, Status: state.StageFailed},
	}})
	// tasks 5 to 7 are one held bundle; 6 failed once and has a message of its
	// own that waits
	if _, err := pool.Exec(
		t.Context(),
		`insert into tasks (job_id, stage, gen, index, failures, attempt, error)
		select job_id, 0, 2, 6, 1, 1, 'again' from jobs`,
	); err != nil {
		t.Fatal(err)
	}

	rows.InsertMessage(t, pool, id, rows.Message{Gen: 2, First: 5, Count: 3, Held: true, Attempt: 4})
	rows.InsertMessage(t, pool, id, rows.Message{Gen: 2, First: 6})
	rows.InsertMessage(t, pool, id, rows.Message{Gen: 1, First: 0, Count: 9, Held: true}) // of the past

	whole := []string{
		"a/0 completed",
		"a/1 completed",
		"a/2 failed",
		"a/3 failed",
		"a/4 cancelled",
		"a/5 running",
		"a/6 queued",
		"a/7 running",
		"a/8 queued",
		"a/9 queued",
		"b/0 failed",
		"b/1 failed",
		"b/2 failed",
	}

	for _, status := range append([]state.TaskStatus{""}, state.TaskStatuses...) {
		for _, stage := range []string{"", "a", "b", "waiting"} {
			var want []string

			for _, name := range whole {
				if (stage == "" || name[:1] == stage) && (status == "" || name[4:] == string(status)) {
					want = append(want, name)
				}
			}

			for _, limit := range []int{1, 2, 3, 500} {
				f := view.TaskFilter{Stage: stage, Status: status, Limit: limit}
				if got := allTasks(t, r, id, f); !slices.Equal(got, want) {
					t.Errorf("%+v: got %v, want %v", f, got, want)
				}
			}
		}
	}

	page, err := r.ListTasks(t.Context(), id, view.TaskFilter{Status: state.TaskRunning, Limit: 1})
	if err != nil || page.Items[0].Attempt != 4 || page.Items[0].StartedAt == nil {
		t.Errorf("a running task is %+v, %v", page.Items, err)
	}

	for f, code := range map[view.TaskFilter]state.Code{
		{Stage: "nope", Limit: 1}: state.CodeNotFound, {Limit: 0}: state.CodeInvalid, {Limit: 501}: state.CodeInvalid,
	} {
		if _, err := r.ListTasks(t.Context(), id, f); state.CodeOf(err) != code {
			t.Errorf("%+v: %v", f, err)
		}
	}

	if _, err := r.ListTasks(t.Context(), state.JobID{1}, view.TaskFilter{Limit: 1}); state.CodeOf(
		err,
	) != state.CodeNotFound {
		t.Errorf("an unknown job: %v", err)
	}
}

func TestListTasksLooksAtNoMoreThanItsBudget(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)

	const n = 60_000

	id := rows.Insert(
		t,
		pool,
		rows.Job{Status: state.JobRunning, Stages: []rows.Stage{{Name: "a", Planned: n, Dispatched: n}}},
	)
	if _, err := pool.Exec(t.Context(), `
insert into tasks (job_id, stage, gen, index, status, finished_at)
  select job_id, 0, 1, 50000, 'cancelled', now() from jobs;
update stages set cancelled = 1`); err != nil {
		t.Fatal(err)
	}

	f, pages := view.TaskFilter{Status: state.TaskCancelled, Limit: 10}, 0

	var found []int

	for {
		page, err := r.ListTasks(t.Context(), id, f)
		if err != nil {
			t.Fatal(err)
		}

		pages++

		for _, task := range page.Items {
			found = append(found, task.Index)
		}

		if page.Next == nil {
			break
		}

		f.After = page.Next
	}

	if pages != 3 || !slices.Equal(found, []int{50_000}) {
		t.Errorf("%d pages found %v", pages, found)
	}
}

func TestReadTaskShowsWhatCoversIt(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(t, pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{
		{Name: "a", Planned: 4, Dispatched: 4, Completed: 1, Failed: 1},
		{Name: "b", Kind: state.MatchPrevious, DependsOn: []int16{0}},
	}})
	rows.InsertMessage(t, pool, id, rows.Message{First: 2, Count: 2, Held: true, Attempt: 3})

	if _, err := pool.Exec(t.Context(), `
update tasks set input = '{"x":1}' where index = 0;
insert into result_parts
  select job_id, stage, gen, index, attempt, p, '1'
  from tasks, generate_series(0, 2) p
  where index = 0;
insert into attempts (job_id, stage, gen, index, attempt, outcome, error)
  select job_id, 0, 1, 3, a, 'error', 'no ' || a
  from jobs, generate_series(1, 2) a;
update stages set status = 'running', total = 2, planned = 2, pending_dependencies = 0 where stage = 1`); err != nil {
		t.Fatal(err)
	}

	read := func(stage string, index int) view.TaskView {
		t.Helper()

		v, err := r.ReadTask(t.Context(), id, stage, index)
		if err != nil {
			t.Fatal(err)
		}

		return v
	}
	if v := read("a", 0); v.Status != state.TaskCompleted || string(v.Input) != `{"x":1}` || v.Parts != 3 ||
		string(v.Result) != `{"index" : 0}` {
		t.Errorf("a/0 is %+v", v)
	}

	if v := read(
		"a",
		1,
	); v.Status != state.TaskFailed || len(v.Attempts) != 1 || !v.Attempts[0].Final || v.Error != "task 1 failed" ||
		v.Code != state.CodePermanent {
		t.Errorf("a/1 is %+v", v)
	}

	v := read("a", 3)
	if v.Status != state.TaskRunning || v.Attempt != 3 || v.Worker != "host 7" || v.DueAt != nil ||
		v.Key != id.String()+"/1/0/1/3" {
		t.Errorf("a/3 is %+v", v)
	}

	if len(v.Attempts) != 2 || v.Attempts[0].Attempt != 2 || v.Name != id.Short()+"-s0-3" {
		t.Errorf("a/3 has attempts %+v", v.Attempts)
	}

	if v := read("b", 1); v.Status != state.TaskQueued || v.Input != nil || v.DueAt != nil {
		t.Errorf("b/1 is %+v", v)
	} else if diff := cmp.Diff(&view.TaskRef{Stage: "a", Index: 1}, v.Follows); diff != "" {
		t.Error(diff)
	}

	for _, c := range []struct {
		id    state.JobID
		stage string
		index int
		want  string
	}{
		{id, "a", 4, `the stage "a" of the job ` + id.Short() + ` has no task 4`},
		{id, "a", -1, `the stage "a" of the job ` + id.Short() + ` has no task -1`},
		{id, "z", 0, `the job ` + id.Short() + ` has no stage "z"`},
		{state.JobID{}, "a", 0, "no job " + state.JobID{}.String()},
	} {
		_, err := r.ReadTask(t.Context(), c.id, c.stage, c.index)
		if e, ok := err.(*state.Error); !ok || e.Code != state.CodeNotFound || //nolint:errorlint // not a wrapped one
			e.Msg != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
