package pgtest

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/dev/pglocal"
	"coremachine/internal/test/needs"
)

// poolerSessions is lower than the number of connections of one engine, so that
// the clients of the pooler share sessions.
const poolerSessions = 3

// Role creates a role that may use the schema of an address and has it as its
// search_path. The role is dropped when the test ends.
func Role(t testing.TB, address string) string {
	t.Helper()
	schema := schemaOf(t, address)
	role := schema + "_role"

	ident, within := pgx.Identifier{role}.Sanitize(), pgx.Identifier{schema}.Sanitize()
	for _, statement := range []string{
		"create role " + ident + " login",
		"alter role " + ident + " set search_path = " + within,
		"grant all on schema " + within + " to " + ident,
		"grant all on all tables in schema " + within + " to " + ident,
		"grant all on all sequences in schema " + within + " to " + ident,
	} {
		if err := admin(address, statement); err != nil {
			t.Fatal(err)
		}
	}

	t.Cleanup(func() {
		for _, statement := range []string{"drop owned by " + ident + " cascade", "drop role " + ident} {
			if err := admin(address, statement); err != nil {
				t.Error(err)
			}
		}
	})

	return role
}

// Pooled returns two addresses of a fresh, migrated schema: through a PgBouncer
// in transaction mode, and directly. Both stop working when the test ends.
func Pooled(t testing.TB) (through, direct string) {
	t.Helper()
	return PooledBy(t, poolerSessions)
}

// PooledBy is Pooled with the given number of sessions, which the clients
// share.
func PooledBy(t testing.TB, sessions int) (through, direct string) {
	t.Helper()
	direct = URL(t)

	role := Role(t, direct)
	if err := admin(
		direct,
		"alter role "+pgx.Identifier{role}.Sanitize()+" superuser",
	); err != nil { // tests also change tables
		t.Fatal(err)
	}

	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	p, err := pglocal.StartPooler(limit, pglocal.PoolerOptions{
		URL: direct, User: role, Sessions: sessions,
	})
	needs.Installed(t, "PgBouncer", err, pglocal.ErrNoPooler)

	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})

	return p.URL(), direct
}

func schemaOf(t testing.TB, address string) string {
	t.Helper()

	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}

	return u.Query().Get("search_path")
}
