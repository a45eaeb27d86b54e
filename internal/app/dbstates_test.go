package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/app"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/test/pgtest"
)

// TestRequestsSayWhyTheDatabaseCannotBeUsed has the database in each state that
// an operator must change. Requests are refused with the reason and worth
// another try; the probes say the same.
func TestRequestsSayWhyTheDatabaseCannotBeUsed(t *testing.T) {
	t.Parallel()
	change := func(t *testing.T, sql string) string {
		t.Helper()
		address := pgtest.URL(t)

		conn, err := pgx.Connect(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}

		_, err = conn.Exec(t.Context(), sql)

		_ = conn.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		return address
	}

	elsewhere := func(t *testing.T, edit func(*url.URL)) string {
		t.Helper()

		u, err := url.Parse(pgtest.URL(t))
		if err != nil {
			t.Fatal(err)
		}

		edit(u)

		return u.String()
	}
	for name, c := range map[string]struct {
		address func(t *testing.T) string
		reason  string
	}{
		"SchemaMissing": {func(t *testing.T) string { return pgtest.Empty(t) }, "corectl migrate"},
		"SchemaOlder": {func(t *testing.T) string {
			return change(t, `truncate coremachine_schema_version; drop table sweeps; alter table jobs `+
				`rename column created_at to made_at; drop table messages cascade`)
		}, "corectl migrate"},
		"SchemaNewer": {func(t *testing.T) string {
			return change(t, `insert into coremachine_schema_version (version_id, is_applied) values (9999, true);
				alter table jobs rename to job; alter table sweeps rename to sweep;
				alter table messages rename to message`)
		}, "corectl migrate"},
		"DatabaseMissing": {func(t *testing.T) string {
			return elsewhere(t, func(u *url.URL) { u.Path = "/not_there" })
		}, "corectl migrate"},
		"RoleRefused": {func(t *testing.T) string {
			return elsewhere(t, func(u *url.URL) { u.User = url.User("no_such_role") })
		}, "rejects the role"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			base := serve(t, c.address(t), app.Options{Jobs: jobs.All, Handlers: handlers.All})
			for _, call := range [][3]string{
				{http.MethodGet, "/api/jobs"},
				{http.MethodGet, "/api/sweeps"},
				{http.MethodGet, "/api/queues"},
				{http.MethodPost, "/api/jobs/submit/hello_world", `{"n":1}`},
			} {
				res := send(t, call[0], base+call[1], call[2])
				if res.code != http.StatusServiceUnavailable || res.retry == "" ||
					!strings.Contains(res.body, c.reason) {
					t.Errorf(
						"%s answers %d, Retry-After %q, %s; want 503 with %q",
						call[1],
						res.code,
						res.retry,
						res.body,
						c.reason,
					)
				}
			}

			if name == "SchemaNewer" {
				return // each migration works with the previous build, so a newer schema is accepted
			}

			until(t, func() bool {
				code, body := get(t, base+"/api/readyz")
				return code == http.StatusServiceUnavailable && strings.Contains(body, c.reason)
			})

			if code, body := get(t, base+"/api/health"); code != http.StatusServiceUnavailable ||
				!strings.Contains(body, c.reason) {
				t.Errorf("health answers %d %s, want 503 with %q", code, body, c.reason)
			}
		})
	}
}

type answer struct {
	code        int
	retry, body string
}

func send(t *testing.T, method, address, body string) answer {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	req.Header.Set("Content-Type", "application/json")

	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = res.Body.Close() }()

	var text strings.Builder
	if err := res.Write(&text); err != nil {
		t.Fatal(err)
	}

	return answer{res.StatusCode, res.Header.Get("Retry-After"), text.String()}
}
