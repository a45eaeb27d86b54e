package pgtest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/test/pgtest"
)

// TestURLIsWhatMigrateLeaves compares a schema of this package, which is created
// by one command, with one that repo.Migrate has migrated.
func TestURLIsWhatMigrateLeaves(t *testing.T) {
	t.Parallel()

	address := pgtest.Empty(t)
	if err := repo.Migrate(t.Context(), address); err != nil {
		t.Fatal(err)
	}

	want, got := description(t, address), description(t, pgtest.URL(t))
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 100 {
		t.Errorf("a schema with %d lines (-migrated +created):\n%s", len(want), diff)
	}
}

// description lists the content of a schema without its name.
func description(t *testing.T, address string) []string {
	t.Helper()

	pool, err := pgxpool.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()

	rows, err := pool.Query(t.Context(), `
		with ours as (select oid, relname, relkind, reloptions from pg_class
			where relnamespace = current_schema()::regnamespace)
		select line from (
			select format('%s %s %s', relkind, relname, reloptions) as line from ours
			union all
			select format('%s.%s %s null %s default %s storage %s statistics %s', relname, attname,
				format_type(atttypid, atttypmod), not attnotnull,
				pg_get_expr(adbin, adrelid), attstorage, attstattarget)
			from ours join pg_attribute on attrelid = ours.oid
			left join pg_attrdef on adrelid = attrelid and adnum = attnum
			where attnum > 0
			union all
			select pg_get_indexdef(indexrelid) from pg_index join ours on ours.oid = indrelid
			union all
			select relname || pg_get_constraintdef(c.oid) from pg_constraint c join ours on ours.oid = conrelid
			union all
			select pg_get_functiondef(oid) from pg_proc
			where pronamespace = current_schema()::regnamespace and prokind in ('f', 'p')
			union all
			select format('trigger %s', pg_get_triggerdef(g.oid)) from pg_trigger g join ours on ours.oid = tgrelid
			where not tgisinternal
			union all
			select format('version %s %s', version_id, is_applied) from coremachine_schema_version
		) all_lines order by line`)
	if err != nil {
		t.Fatal(err)
	}

	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}

	name := schemaOf(t, pool)
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], name, "schema")
	}

	return lines
}
