package repo_test

import (
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
	hashed     = regexp.MustCompile(`hashed (SubPlan \d+)`)
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
		name, plan := genericPlan(t, conn.Conn(), f)
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

// TestNoStatementHashesATable explains the generic plan of every statement. An
// EXISTS that is a part of an OR, a CASE or a result can be planned as a hash of
// the whole table. Postgres 18 chooses that by cost, also if sequential scans are
// disabled. "offset 0" in the EXISTS prevents it.
func TestNoStatementHashesATable(t *testing.T) {
	t.Parallel()

	conn, err := pgtest.Schema(t).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()

	files, err := filepath.Glob("queries/*.sql")
	if err != nil || len(files) < 100 {
		t.Fatalf("found %d statements, %v", len(files), err)
	}

	for _, f := range files {
		name, plan := genericPlan(t, conn.Conn(), f)
		for _, m := range hashed.FindAllStringSubmatch(plan, -1) {
			_, below, _ := strings.Cut(plan, m[1]+"\n")

			node, _, _ := strings.Cut(below, "\n")
			if strings.Contains(node, "Scan") && !strings.Contains(node, "CTE Scan") {
				t.Errorf("%s hashes a table: %s\n%s", name, node, plan)
			}
		}
	}
}

// genericPlan returns the name and the generic plan of the statement in a file.
func genericPlan(t *testing.T, conn *pgx.Conn, file string) (name, plan string) {
	t.Helper()

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	sql, _, err := pgx.NamedArgs{}.RewriteQuery(t.Context(), conn, string(text), nil)
	if err != nil {
		t.Fatal(err)
	}

	name = strings.TrimSuffix(filepath.Base(file), ".sql")

	desc, err := conn.Prepare(t.Context(), name, sql)
	if err != nil {
		t.Fatal(err)
	}

	explain := "explain (costs off) execute " + pgx.Identifier{name}.Sanitize()
	if n := len(desc.ParamOIDs); n > 0 {
		explain += "(" + strings.Join(slices.Repeat([]string{"null"}, n), ", ") + ")"
	}

	rows, err := conn.Query(t.Context(), explain, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}

	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}

	return name, strings.Join(lines, "\n")
}
