package infra

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"coremachine/internal/test/pgtest"
)

// roleWithGrants creates a role for the schema of an address, with the rights of
// infra/sql/grants.sql, and returns the address with that role.
func roleWithGrants(t *testing.T, address string) string {
	t.Helper()

	content, err := os.ReadFile(filepath.Join(root, "infra/sql/grants.sql"))
	if err != nil {
		t.Fatal(err)
	}

	admin, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = admin.Close(context.Background()) })

	var schema string
	if err := admin.QueryRow(t.Context(), "select current_schema()").Scan(&schema); err != nil {
		t.Fatal(err)
	}

	role := schema + "_app"
	within := pgx.Identifier{schema}.Sanitize()
	grants := strings.NewReplacer("schema public", "schema "+within, `:"name"`, pgx.Identifier{role}.Sanitize()).
		Replace(string(content))

	for _, statement := range []string{
		"create role " + pgx.Identifier{role}.Sanitize() + " login",
		"alter role " + pgx.Identifier{role}.Sanitize() + " set search_path = " + within,
		grants,
		"create table later (id bigint generated always as identity)",
	} {
		if _, err := admin.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}

	t.Cleanup(func() {
		for _, statement := range []string{"drop owned by ", "drop role "} {
			if _, err := admin.Exec(context.Background(), statement+pgx.Identifier{role}.Sanitize()); err != nil {
				t.Error(err)
			}
		}
	})

	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}

	u.User = url.User(role)

	return u.String()
}

// TestGrantsPermitRowsAndNotTheSchema tries what the role of the app may and may
// not do.
func TestGrantsPermitRowsAndNotTheSchema(t *testing.T) {
	t.Parallel()

	app, err := pgx.Connect(t.Context(), roleWithGrants(t, pgtest.URL(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close(t.Context()) }()

	for statement, permitted := range map[string]bool{
		"delete from jobs where false":                                true,
		"insert into later default values":                            true, // created after the grants
		"create table own (id int)":                                   false,
		"alter table jobs add column x int":                           false,
		"drop table jobs":                                             false,
		"truncate jobs cascade":                                       false,
		"create function f() returns int return 1":                    false,
		"create index x on jobs (job_id)":                             false,
		"create trigger x before insert on jobs execute function f()": false,
	} {
		_, err := app.Exec(t.Context(), statement)

		refused, is := errors.AsType[*pgconn.PgError](err)
		if permitted && err != nil || !permitted && (!is || refused.Code != "42501") {
			t.Errorf("%s: %v, want permitted: %t", statement, err, permitted)
		}
	}
}
