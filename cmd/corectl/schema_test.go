package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	httpapi "coremachine/internal/api"
)

// TestJSONMatchesTheDescriptionOfTheAPI compares the output of each command
// with the schema of the answer.
func TestJSONMatchesTheDescriptionOfTheAPI(t *testing.T) {
	t.Parallel()

	doc, err := openapi3.NewLoader().LoadFromData(httpapi.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}

	server := realAPI(t)
	o := patient(t)
	must := func(args ...string) {
		t.Helper()

		if got := server.run(o, args...); got.code != exitOK && got.code != exitWithErrors {
			t.Fatalf("%q: got %+v", args, got)
		}
	}
	must("submit", "stuck", "n=1", "--watch") // one task, which fails

	if got := server.run(o, "logs", "@last", "only", "0"); !strings.Contains(got.out, "\tWARN\tno voice was found\n") {
		t.Errorf("the log of the task is %+v", got)
	}

	fingerprint := strings.TrimSpace(server.run(o, "failures", "@last", "-o", "name").out)
	for _, c := range []struct {
		method, path string
		status       int
		args         []string
	}{
		{http.MethodGet, "/jobs/{job_id}/failures", 200, []string{"failures", "@last", "--stage", "only"}},
		{http.MethodGet, "/jobs/{job_id}/tasks", 200, []string{"tasks", "@last", "--error", fingerprint}},
		{http.MethodGet, "/jobs/{job_id}/tasks/{stage}/{index}", 200, []string{"task", "@last", "only", "0"}},
		{http.MethodGet, "/jobs/{job_id}/tasks/{stage}/{index}/logs", 200, []string{"logs", "@last", "only", "0"}},
		{http.MethodPost, "/jobs/submit/{job_type}", 202, []string{"submit", "hello_world", "n=2"}},
		{http.MethodGet, "/jobs/status/{job_id}", 200, []string{"submit", "hello_world", "n=2", "--watch"}},
		{http.MethodPost, "/jobs/submit/{job_type}", 200, []string{"submit", "hello_world", "n=2"}},
		{http.MethodPost, "/jobs/submit/{job_type}", 200, []string{"submit", "hello_world", "n=4", "--dry-run"}},
		{http.MethodGet, "/jobs/status/{job_id}", 200, []string{"status", "@last"}},
		{http.MethodGet, "/jobs", 200, []string{"jobs"}},
		{http.MethodGet, "/jobs/{job_id}/tasks", 200, []string{"tasks", "@last", "--limit", "1"}},
		{http.MethodGet, "/jobs/{job_id}/events", 200, []string{"events", "@last"}},
		{http.MethodGet, "/jobs/types", 200, []string{"types"}},
		{http.MethodPost, "/sweeps", 200, []string{"sweep"}},
		{http.MethodGet, "/jobs/{job_id}/runs", 200, []string{"runs", "@last"}},
		{http.MethodGet, "/jobs/{job_id}/compare", 200, []string{"compare", "@last", "@last"}},
		{http.MethodGet, "/trends", 200, []string{"trends", "--window", "24h"}},
		{http.MethodGet, "/queues", 200, []string{"dlq", "list"}},
		{http.MethodGet, "/queues/{queue}/dead", 200, []string{"dlq", "list", "tasks"}},
		{http.MethodPost, "/queues/{queue}/redrive", 200, []string{"dlq", "redrive", "tasks", "--dry-run"}},
		{http.MethodPost, "/queues/{queue}/redrive", 200, []string{"dlq", "redrive", "tasks", "--yes"}},
		{http.MethodPost, "/jobs/submit/{job_type}", 200, []string{"submit", "stuck", "n=1"}},
		{http.MethodPost, "/jobs/retry/{job_id}", 202, []string{"retry", "@last", "--yes"}},
		{http.MethodPost, "/jobs/submit/{job_type}", 202, []string{"submit", "stuck", "n=3"}},
		{http.MethodPost, "/jobs/cancel/{job_id}", 202, []string{"cancel", "@last", "--yes"}},
	} {
		got := server.run(o, append(c.args, "-o", "json")...)

		var value any
		if err := json.Unmarshal([]byte(got.out), &value); err != nil || strings.Count(got.out, "\n") != 1 {
			t.Errorf("%q: no single JSON value: %+v", c.args, got)
			continue
		}

		operation := doc.Paths.Find(c.path).GetOperation(c.method)

		schema := operation.Responses.Status(c.status).Value.Content.Get("application/json").Schema.Value
		if err := schema.VisitJSON(value); err != nil {
			t.Errorf("%q is not as %s %s answers %d: %v", c.args, c.method, c.path, c.status, err)
		}
	}
}
