package repo_test

import (
	"os"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// pageLimit is what a page of a read may hold.
const pageLimit = 8 << 20

// A stage of 60 tasks: every third has a result of 1 MiB, every seventh
// failed. Task 1 emitted 2,500 small parts with gaps between their numbers,
// task 2 emitted 20 of 1 MiB.
const largeResults = `
insert into jobs (job_id, job_type, params, pending_stages, status, started_at)
  values (sha256('a'), 'x', '{}', 1, 'running', now());
insert into stages (
  job_id, stage, name, task_type, kind, queue, depends_on, pending_dependencies,
  status, total, planned, dispatched
)
  values (sha256('a'), 0, 's', 't', 'dynamic', 2, '{}', 0, 'running', 60, 60, 60),
         (sha256('a'), 1, 'u', 't', 'match_previous', 2, '{0}', 0, 'running', 60, 60, 60);
insert into tasks (job_id, stage, gen, index, status, attempt, result, error, finished_at)
  select sha256('a'), 0, 1, i, (case when i % 7 = 6 then 'failed' else 'completed' end)::task_status, 1,
         case
           when i % 7 <> 6
             then convert_to(case when i % 3 = 0 then repeat('7', 1048576) else i::text end, 'utf8')
         end,
         case when i % 7 = 6 then 'x' end, now()
  from generate_series(0, 59) i;
insert into tasks (job_id, stage, gen, index, input)
  select sha256('a'), 1, 1, i, convert_to(repeat('7', 65536), 'utf8') from generate_series(0, 199) i;
insert into result_parts
  select sha256('a'), 0, 1, 1, 1, p, convert_to(p::text, 'utf8') from generate_series(0, 9999, 4) p;
insert into result_parts
  select sha256('a'), 0, 1, 2, 1, p, convert_to(repeat('7', 1048576), 'utf8') from generate_series(0, 19) p;`

func openResults(t *testing.T) *repo.Repo {
	t.Helper()

	r, err := repo.Open(t.Context(), repo.Config{URL: pgtest.URL(t)})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)

	if _, err := r.Pool().Exec(t.Context(), largeResults); err != nil {
		t.Fatal(err)
	}

	return r
}

func jobA(t *testing.T, r *repo.Repo) (id state.JobID) {
	t.Helper()

	var raw []byte
	if err := r.Pool().QueryRow(t.Context(), `select job_id from jobs`).Scan(&raw); err != nil {
		t.Fatal(err)
	}

	return state.JobID(raw)
}

func TestResultsAndPartsAreStreamedOnceEachInOrder(t *testing.T) {
	t.Parallel()
	r := openResults(t)

	var results []int

	parts := map[int][]int{}

	for p, err := range r.Results(t.Context(), jobA(t, r), state.StageShape{Name: "s"}) {
		if err != nil {
			t.Fatal(err)
		}

		if p.Part < 0 {
			results = append(results, p.Index)
		} else {
			parts[p.Index] = append(parts[p.Index], p.Part)
		}
	}

	var want, gaps, large []int

	for i := range 60 {
		if i%7 != 6 {
			want = append(want, i)
		}
	}

	for p := 0; p < 10_000; p += 4 {
		gaps = append(gaps, p)
	}

	for p := range 20 {
		large = append(large, p)
	}

	if !slices.Equal(results, want) {
		t.Errorf("the results are of %v", results)
	}

	if !slices.Equal(parts[1], gaps) || !slices.Equal(parts[2], large) || len(parts) != 2 {
		t.Errorf(
			"%d and %d parts were read, want %d and %d, each once and in order",
			len(parts[1]),
			len(parts[2]),
			len(gaps),
			len(large),
		)
	}
}

func TestPredecessorsArePagedByBytes(t *testing.T) {
	t.Parallel()
	r := openResults(t)
	id := jobA(t, r)
	got := map[int]int{}

	reads := 0
	for first := 0; first < 60; reads++ {
		pages, err := r.Predecessors(t.Context(), []state.ResultRange{
			{
				JobID: id,
				Stage: 0,
				First: first,
				Count: 1,
			},
			{JobID: id, Stage: 0, First: first, Count: 60 - first},
		})
		if err != nil {
			t.Fatal(err)
		}

		size := 0

		for _, page := range pages {
			for _, result := range page.Results {
				size += len(result)
			}
		}

		if size > pageLimit || pages[1].Until <= first || !pages[0].Whole {
			t.Fatalf("a read from %d has %d bytes and ends at %d", first, size, pages[1].Until)
		}

		for index, result := range pages[1].Results {
			if index < first || index >= pages[1].Until {
				t.Errorf("the page from %d to %d has %d", first, pages[1].Until, index)
			}

			got[index] = len(result)
		}

		first = pages[1].Until
	}

	if reads < 3 || len(got) != 52 {
		t.Errorf("%d results came in %d reads, want 52 in at least 3", len(got), reads)
	}
}

// TestPagesOfResultsAreBoundedByBytes runs the statements alone.
func TestPagesOfResultsAreBoundedByBytes(t *testing.T) {
	t.Parallel()
	r := openResults(t)
	id := jobA(t, r)

	const row = 1 << 20
	for name, args := range map[string]pgx.NamedArgs{
		"results_page": {"job_id": id[:], "name": "s", "from": 0, "span": 1000, "bytes": pageLimit - row},
		"parts_page": {
			"job_id": id[:], "stage": 0, "gen": 1, "index": 2, "attempt": 1, "after": -1, "most": 1000,
			"bytes": pageLimit - row,
		},
		"bundle_tasks": {"job_id": id[:], "stage": 1, "gen": 1, "first": 0, "count": 200, "bytes": pageLimit - row},
	} {
		sql, err := os.ReadFile("queries/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}

		rows, err := r.Pool().Query(t.Context(), string(sql), args)
		if err != nil {
			t.Fatal(err)
		}

		size := 0

		for rows.Next() {
			for _, v := range rows.RawValues() {
				size += len(v)
			}
		}

		if rows.Err() != nil || size < pageLimit-row || size > pageLimit+row/8 {
			t.Errorf("%s: a page has %d bytes: %v", name, size, rows.Err())
		}
	}
}

func TestInputsOverAPageAreReadOneByOne(t *testing.T) {
	t.Parallel()
	r := openResults(t)
	h := state.ClaimedMessage{JobID: jobA(t, r), Stage: 1, Gen: 1, First: 0, Count: 200}

	tasks, err := r.BundleTasks(t.Context(), h)
	if err != nil || len(tasks) != 200 {
		t.Fatalf("%d tasks are covered: %v", len(tasks), err)
	}

	later := 0

	for _, task := range tasks {
		if task.Later != (task.Input == nil) {
			t.Fatalf(
				"task %d: later is %t and the input has %d bytes",
				task.Index,
				task.Later,
				len(task.Input),
			)
		}

		if !task.Later {
			continue
		}

		later++

		if input, err := r.Input(t.Context(), h, task.Index); err != nil || len(input) != 65536 {
			t.Fatalf("the input of task %d has %d bytes: %v", task.Index, len(input), err)
		}
	}

	if later < 50 || later > 100 {
		t.Errorf("%d of 200 inputs of 64 KiB were left out of a page of 8 MiB", later)
	}
}

// TestBundleCoversTasksWithoutRows lists a generation of which no task has a row
// yet, as after a hand-back of work that did not begin.
func TestBundleCoversTasksWithoutRows(t *testing.T) {
	t.Parallel()
	r := openResults(t)
	h := state.ClaimedMessage{JobID: jobA(t, r), Stage: 1, Gen: 7, First: 3, Count: 5}

	tasks, err := r.BundleTasks(t.Context(), h)
	if err != nil || len(tasks) != h.Count {
		t.Fatalf("%d tasks are covered, want %d: %v", len(tasks), h.Count, err)
	}

	for i, task := range tasks {
		if task.Index != h.First+i || task.Failures != 0 || task.Later || task.Input != nil {
			t.Errorf("task %d is %+v", h.First+i, task)
		}
	}
}
