package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestSchema(t *testing.T) {
	t.Parallel()

	t.Run("IsMigratedAndItsOwn", func(t *testing.T) {
		t.Parallel()

		a, b := pgtest.Schema(t), pgtest.Schema(t)
		if err := repo.CheckSchema(t.Context(), a); err != nil {
			t.Fatal(err)
		}

		if got, want := tables(t, a), tables(t, b); got != want || got == 0 {
			t.Errorf("tables: got %d and %d, want the same", got, want)
		}

		if got, want := schemaOf(t, a), schemaOf(t, b); got == want {
			t.Errorf("two tests share the schema %s", got)
		}
	})

	t.Run("EmptyIsOlderThanTheBuild", func(t *testing.T) {
		t.Parallel()

		pool, err := pgxpool.New(t.Context(), pgtest.Empty(t))
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()

		if err := repo.CheckSchema(t.Context(), pool); err == nil {
			t.Error("an empty schema passed the check")
		}
	})
}

func tables(t *testing.T, pool *pgxpool.Pool) int {
	t.Helper()

	var n int

	err := pool.QueryRow(t.Context(), "select count(*) from pg_tables where schemaname = current_schema()").
		Scan(&n)
	if err != nil {
		t.Fatal(err)
	}

	return n
}

func schemaOf(t *testing.T, pool *pgxpool.Pool) string {
	t.Helper()

	var name string
	if err := pool.QueryRow(t.Context(), "select current_schema()").Scan(&name); err != nil {
		t.Fatal(err)
	}

	return name
}

func BenchmarkSchema(b *testing.B) {
	for b.Loop() {
		pgtest.URL(b)
	}
}
