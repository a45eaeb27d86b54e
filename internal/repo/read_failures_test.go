package repo_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

func TestErrorsThatDifferOnlyInIdsHaveOnePattern(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)

	for message, want := range map[string]string{
		"read tile 17: connection reset by peer":                   "read tile #: connection reset by peer",
		"checksum mismatch: want 9e107d9d, have 00000000":          "checksum mismatch: want #, have #",
		"no blob 3F2504E0-4F89-11D3-9A0C-0305E82C3301 in tiles/a7": "no blob # in tiles/#",
		"no blob deadbeef-abcd-abcd-abcd-abcdefabcdef here":        "no blob # here",
		"dial tcp 10.0.0.7:5432: i/o timeout":                      "dial tcp #.#.#.#:#: i/o timeout",
		"nothing to see":                                           "nothing to see",
		"":                                                         "",
		"größe_1 überschritten":                                    "größ# überschritten",
		strings.Repeat("x", 5000):                                  strings.Repeat("x", 200),
	} {
		var got string
		if err := pool.QueryRow(t.Context(), `select error_pattern($1)`, message).
			Scan(&got); err != nil ||
			got != want {
			t.Errorf("%.60q is %.60q, want %.60q, %v", message, got, want, err)
		}
	}
}

// failTasks gives a job of one stage with 12 failed tasks: 0 to 7 timed out, 8
// to 11 were torn off; 20 to 22 are tried again.
func failTasks(t *testing.T, pool *pgxpool.Pool) state.JobID {
	t.Helper()

	id := rows.Insert(t, pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{
		{Name: "read", Planned: 30, Dispatched: 30, Failed: 12, Gen: 2}, {Name: "sum", DependsOn: []int16{0}},
	}})
	if _, err := pool.Exec(context.Background(), `
update attempts
set error = case
  when index < 8 then 'read tile ' || index || ': timeout'
  else 'torn off after ' || index || ' bytes'
end;
insert into attempts (job_id, stage, gen, index, attempt, outcome, error)
select job_id, 0, 2, i, a, 'error', 'torn off after ' || i + a || ' bytes'
from jobs, generate_series(20, 22) i, generate_series(1, 2) a
union all
select job_id, 0, 1, 5, 1, 'error', 'of the past' from jobs
union all
select job_id, 0, 2, 25, 1, 'cancelled', 'the handler did not return in time' from jobs`); err != nil {
		t.Fatal(err)
	}

	return id
}

func TestFailuresAreCountedByPattern(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := failTasks(t, pool)

	got, err := r.ListFailures(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}

	want := []view.FailureGroup{
		{
			Stage:    "read",
			Pattern:  "read tile #: timeout",
			Message:  "read tile 0: timeout",
			Outcome:  state.OutcomePermanent,
			Tasks:    8,
			Attempts: 8,
			Indexes:  []int{0, 1, 2, 3, 4, 5, 6, 7},
		},
		{
			Stage:    "read",
			Pattern:  "torn off after # bytes",
			Message:  "torn off after 8 bytes",
			Outcome:  state.OutcomePermanent,
			Tasks:    4,
			Attempts: 10,
			Indexes:  []int{8, 9, 10, 11, 20, 21, 22},
		},
	}
	if diff := cmp.Diff(
		want,
		got,
		cmpopts.IgnoreFields(view.FailureGroup{}, "Fingerprint", "FirstSeen", "LastSeen"),
	); diff != "" {
		t.Fatal(diff)
	}

	if got[0].Fingerprint == 0 || got[0].Fingerprint == got[1].Fingerprint || got[0].FirstSeen.IsZero() ||
		got[0].LastSeen.Before(got[0].FirstSeen) {
		t.Errorf("the groups are %+v", got)
	}

	for stage, code := range map[string]state.Code{"read": "", "sum": "", "nope": state.CodeNotFound} {
		some, err := r.ListFailures(t.Context(), id, stage)
		if state.CodeOf(err) != code || len(some) != map[string]int{"read": 2}[stage] {
			t.Errorf("of stage %s: %d groups, %v", stage, len(some), err)
		}
	}

	if _, err := r.ListFailures(t.Context(), state.JobID{}, ""); state.CodeOf(err) != state.CodeNotFound {
		t.Errorf("of no job: %v", err)
	}

	for i, names := range [][]string{
		{
			"read/0 failed", "read/1 failed", "read/2 failed", "read/3 failed", "read/4 failed",
			"read/5 failed", "read/6 failed", "read/7 failed",
		},
		{"read/8 failed", "read/9 failed", "read/10 failed", "read/11 failed"},
	} {
		for _, limit := range []int{1, 3, 500} {
			if all := allTasks(
				t,
				r,
				id,
				view.TaskFilter{Error: got[i].Fingerprint, Limit: limit},
			); !slices.Equal(all, names) {
				t.Errorf("tasks of %s by %d are %v", got[i].Pattern, limit, all)
			}
		}
	}

	if all := allTasks(
		t,
		r,
		id,
		view.TaskFilter{Error: got[1].Fingerprint, Stage: "read", From: 9, Until: 11, Limit: 5},
	); !slices.Equal(all, []string{"read/9 failed", "read/10 failed"}) {
		t.Errorf("a range of them is %v", all)
	}

	job, err := r.ReadJob(t.Context(), id)

	wantErrors := []view.ErrorGroup{
		{
			Stage:       "read",
			Fingerprint: got[0].Fingerprint,
			Message:     "read tile 0: timeout",
			Outcome:     state.OutcomePermanent,
			Count:       8,
		},
		{
			Stage:       "read",
			Fingerprint: got[1].Fingerprint,
			Message:     "torn off after 8 bytes",
			Outcome:     state.OutcomePermanent,
			Index:       8,
			Count:       4,
		},
	}
	if diff := cmp.Diff(wantErrors, job.Errors); err != nil || diff != "" {
		t.Error(diff, err)
	}
}

func TestFailuresOfManyPatternsAndTasksAreBounded(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)

	id := rows.Insert(
		t,
		pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 30_000, Dispatched: 30_000, Failed: 30_000}},
		},
	)
	if _, err := pool.Exec(
		t.Context(),
		`update attempts set error = 'unknown word ' || repeat('x', (index - 15000) / 100) where index >= 15000`,
	); err != nil {
		t.Fatal(err)
	}

	got, err := r.ListFailures(t.Context(), id, "a")
	if err != nil {
		t.Fatal(err)
	}

	all := map[string]int{}
	for _, g := range got {
		all[g.Pattern] = g.Tasks
	}

	if len(got) != view.MaxFailureGroups {
		t.Errorf("%d groups, want %d", len(got), view.MaxFailureGroups)
	}

	if n, ok := all["task # failed"]; ok && n != view.MaxDepth {
		t.Errorf("%d tasks of the pattern with most of them, want %d", n, view.MaxDepth)
	}
}
