package repo_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/test/pgtest"
)

var (
	wholeTable = regexp.MustCompile(
		`Seq Scan on (tasks|attempts|messages|events|jobs|job_terms|stages|result_parts|task_logs|workers|sweeps|` +
			`trends|queue_trends|trend_counts)\b`,
	)
	largeTable = regexp.MustCompile(`Scan[^\n]* on (tasks|attempts|events|result_parts|task_logs)\b`)
	// byKey is the whole key, or a range of its last column.
	byKey = regexp.MustCompile(`on (?:` +
		`tasks\b[^\n]*\n\s+Index Cond: \(\(job_id = [^\n]*\(stage = [^\n]*\(gen = [^\n]*\(index [^\n]*` +
		`|(?:attempts|result_parts|task_logs)\b` +
		`[^\n]*\n\s+Index Cond: \(\(job_id = [^\n]*\(stage = [^\n]*\(gen = [^\n]*` +
		`|events\b[^\n]*\n\s+Index Cond: \(\(job_id = [^\n]*\(event_id [^\n]*)`)
)

// TestNoReadScansATable explains the generic plan of every statement of the
// read side, with the settings of the real pool: no table is read whole, and
// the large ones are entered by a job's key.
func TestNoReadScansATable(t *testing.T) {
	t.Parallel()

	conn, err := pgtest.Schema(t).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()

	files, err := filepath.Glob("queries/read_*.sql")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d statements, %v", len(files), err)
	}

	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}

		sql, _, err := pgx.NamedArgs{}.RewriteQuery(t.Context(), conn.Conn(), string(text), nil)
		if err != nil {
			t.Fatal(err)
		}

		name := strings.TrimSuffix(filepath.Base(f), ".sql")

		desc, err := conn.Conn().Prepare(t.Context(), name, sql)
		if err != nil {
			t.Fatal(err)
		}

		nulls := strings.Join(slices.Repeat([]string{"null"}, len(desc.ParamOIDs)), ", ")

		explain := fmt.Sprintf("explain (costs off) execute %s(%s)", name, nulls)
		if nulls == "" {
			explain = "explain (costs off) execute " + name
		}

		rows, err := conn.Query(t.Context(), explain, pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			t.Fatal(err)
		}

		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}

		plan := strings.Join(lines, "\n")
		if wholeTable.MatchString(plan) {
			t.Errorf("%s reads a table whole:\n%s", name, plan)
		}

		if all, keyed := len(largeTable.FindAllString(plan, -1)), len(
			byKey.FindAllString(plan, -1),
		); all != keyed {
			t.Errorf(
				"%s enters a large table other than by a job's key (%d of %d):\n%s",
				name,
				keyed,
				all,
				plan,
			)
		}
	}
}
