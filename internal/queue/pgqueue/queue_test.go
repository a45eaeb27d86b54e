package pgqueue_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/test/pgtest"
)

// TestEveryStatementPrepares detects unknown columns and wrong types. A DO
// block cannot be prepared, so other tests cover listen.sql.
func TestEveryStatementPrepares(t *testing.T) {
	t.Parallel()

	conn, err := pgtest.Schema(t).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()

	files, err := filepath.Glob("queries/*.sql")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d statements, want at least 10: %v", len(files), err)
	}

	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}

		if filepath.Base(f) == "listen.sql" {
			continue
		}

		sql, _, err := pgx.NamedArgs{}.RewriteQuery(t.Context(), conn.Conn(), string(text), nil)
		if err != nil {
			t.Fatal(err)
		}

		if _, err := conn.Conn().
			Prepare(t.Context(), "", sql); err != nil ||
			!strings.HasPrefix(string(text), "-- ") {
			t.Errorf("%s: got %v, want no error and a comment on the first line", f, err)
		}
	}
}

// TestHotStatementsWithNullParametersChangeNothing runs the statements in the
// way that a new connection is warmed up.
func TestHotStatementsWithNullParametersChangeNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	insert(t, pool, 1)

	for _, sql := range pgqueue.Hot() {
		if tag, err := pool.Exec(t.Context(), sql, pgx.NamedArgs{}); err != nil || tag.RowsAffected() != 0 {
			t.Errorf("got %v, %v, want no rows: %s", tag, err, sql)
		}
	}

	if n := count(t, pool, "locked_until is null and sent_at is null and deliveries = 0"); n != 1 {
		t.Error("the row changed")
	}
}
