package repo_test

import (
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/repo"
	"coremachine/internal/test/pgtest"
)

// TestARenewalThatWaitedFindsTheLeaseEnded starts a renewal before the lease
// ends and has it look at the row afterwards, as one that waited for its lock
// does.
func TestARenewalThatWaitedFindsTheLeaseEnded(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	worker := uuid.New()

	text, err := os.ReadFile("queries/lease_renew.sql")
	if err != nil {
		t.Fatal(err)
	}

	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = tx.Rollback(t.Context()) }()

	if _, err := tx.Exec(t.Context(), `select now()`); err != nil {
		t.Fatal(err)
	}

	if err := repo.New(pool).
		OpenLease(t.Context(), worker, 10*time.Millisecond, "test", "test", 1); err != nil {
		t.Fatal(err)
	}

	if _, err := pool.Exec(t.Context(), `select pg_sleep(0.02)`); err != nil {
		t.Fatal(err)
	}

	tag, err := tx.Exec(t.Context(), string(text), pgx.NamedArgs{"worker": worker, "lease": 60.0})
	if err != nil || tag.RowsAffected() != 0 {
		t.Errorf("the renewal changed %d rows, want 0; %v", tag.RowsAffected(), err)
	}
}
