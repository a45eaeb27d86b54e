package repo_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/test/pgtest"
)

// TestWarmPlansAndWritesNothing looks at what the server has planned on each
// connection, and at every table.
func TestWarmPlansAndWritesNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	cfg := pool.Config()
	cfg.MaxConns = 3

	own, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()

	before := contents(t, pool)
	if err := repo.New(own).
		Warm(t.Context(), []string{`delete from messages where queue = @queue`}); err != nil {
		t.Fatal(err)
	}

	if after := contents(t, pool); !maps.Equal(before, after) {
		t.Errorf("it wrote: %v, then %v", before, after)
	}

	for range 2 { // all but one
		conn, err := own.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()

		var planned int

		err = conn.QueryRow(t.Context(), `
			select count(*)
			from pg_prepared_statements
			where generic_plans = 1 and statement not like '%pg_prepared%'`).
			Scan(&planned)
		if err != nil || planned != 12 {
			t.Errorf("%d statements are planned, %v", planned, err)
		}
	}

	gone, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()

	if err := repo.New(own).Warm(gone, nil); err == nil {
		t.Error("it says that it did what it could not")
	}
}

// contents counts the rows of each table.
func contents(t *testing.T, pool *pgxpool.Pool) map[string]int {
	t.Helper()

	rows := map[string]int{}

	for _, table := range []string{
		"jobs", "stages", "tasks", "messages", "attempts", "events", "workers", "task_durations",
	} {
		var n int
		if err := pool.QueryRow(t.Context(), `select count(*) from `+table).Scan(&n); err != nil {
			t.Fatal(err)
		}

		rows[table] = n
	}

	return rows
}
