package repo_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// TestTheDatabaseToleratesWhatTheEngineTolerates compares the SQL function
// with state.Tolerated for every percentage and number of tasks up to 1,000.
func TestTheDatabaseToleratesWhatTheEngineTolerates(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)

	rows, err := pool.Query(t.Context(), `
select k.tolerance, n, tolerated_failures(k.tolerance, n)
from (select p::float8 / 100 as tolerance from generate_series(0, 100) p
      union all select 1::float8 / d from generate_series(3, 97, 7) d
      union all select 0.001::float8 union all select 0.575::float8) k
cross join generate_series(0, 1000) n`)
	if err != nil {
		t.Fatal(err)
	}

	var (
		tolerance        float64
		tasks, got, seen int
	)

	_, err = pgx.ForEachRow(rows, []any{&tolerance, &tasks, &got}, func() error {
		seen++

		if want := state.Tolerated(tolerance, tasks); got != want {
			t.Errorf("tolerated_failures(%v, %d) = %d, want %d", tolerance, tasks, got, want)
		}

		return nil
	})
	if err != nil || seen < 100_000 {
		t.Fatalf("compared %d: %v", seen, err)
	}
}
