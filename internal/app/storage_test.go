package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/api"
	"coremachine/internal/app"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/test/blobtest"
	"coremachine/internal/test/pgtest"
)

// TestHealthTellsOfStorageWithoutNeedingIt has a process without an account,
// with one, and with one that is away: all are ready.
func TestHealthTellsOfStorageWithoutNeedingIt(t *testing.T) {
	t.Parallel()
	server := blobtest.Azurite(t)

	away := "BlobEndpoint=http://127.0.0.1:1/account;SharedAccessSignature=sig=c2VjcmV0"
	for name, c := range map[string]struct {
		storage, status, check, detail, message, runbook string
	}{
		"none":  {"", "ok", "ok", `{"configured":false}`, "", ""},
		"there": {server.Connection(), "ok", "ok", `{"configured":true,"whole_account":true}`, "", ""},
		"broken": {
			away, "degraded", "failed", `{"configured":true}`,
			"storage cannot be reached; run corectl doctor", "docs/operations.md#storage",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := serve(
				t,
				pgtest.URL(t),
				app.Options{Jobs: jobs.All, Handlers: handlers.All},
				"STORAGE",
				c.storage,
			)
			until(t, func() bool { code, _ := get(t, base+"/api/readyz"); return code == http.StatusOK })

			for range 2 { // the second response comes from memory
				code, body := get(t, base+"/api/health")

				var health struct {
					api.HealthView
					Checks map[string]struct {
						api.CheckView
						Detail json.RawMessage `json:"detail"`
					} `json:"checks"`
				}
				if err := json.Unmarshal([]byte(body), &health); err != nil {
					t.Fatalf("%v: %s", err, body)
				}

				got := health.Checks["storage"]
				if code != http.StatusOK || health.Status != c.status || got.Status != c.check || !got.Optional ||
					string(got.Detail) != c.detail || !strings.HasPrefix(got.Message, c.message) ||
					got.Runbook != c.runbook {
					t.Errorf("%d %s", code, body)
				}

				if strings.Contains(body, "sig=") || strings.Contains(body, "127.0.0.1:1") {
					t.Errorf("the response shows where the account is: %s", body)
				}
			}
		})
	}
}
