package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/app"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/test/pgtest"
)

// TestANewerSchemaIsANoteInHealth has the schema of the next build, which is
// migrated before that build is deployed.
func TestANewerSchemaIsANoteInHealth(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)

	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}

	_, err = conn.Exec(t.Context(), `insert into coremachine_schema_version (version_id, is_applied)
		select max(version_id) + 1, true from coremachine_schema_version`)

	_ = conn.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	base := serve(t, address, app.Options{Jobs: jobs.All, Handlers: handlers.All})
	until(t, func() bool { code, _ := get(t, base+"/api/readyz"); return code == http.StatusOK })

	code, body := get(t, base+"/api/health")
	if code != http.StatusOK || !strings.Contains(body, `"status":"ok"`) ||
		!strings.Contains(body, "deploy the build that it was migrated for") {
		t.Errorf("health answers %d %s, want 200 with a note about the schema", code, body)
	}
}
