package main

import (
	"slices"
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// bulkAPI has three jobs that match, of which one is refused.
func bulkAPI(t *testing.T) *api {
	t.Helper()

	job := func(id, jobType string, status state.JobStatus) view.JobSummary {
		return view.JobSummary{JobID: mustID(id), JobType: jobType, Status: status}
	}
	conflict := map[string]any{
		"title": "Conflict", "status": 409, "code": "conflict", "detail": "The job is being deleted.",
		"request_id": "x",
	}
	idC := strings.Repeat("c", 64)

	return newAPI(t).
		on("GET /jobs", answer(200, page("",
			job(idA, "hello_world", state.JobFailed), job(idB, "hello_world", state.JobFailed),
			job(idC, "tile_index", state.JobCancelled)))).
		on("POST /jobs/retry/"+idA, answer(202, view.Retried{})).
		on("POST /jobs/retry/"+idB, answer(409, conflict)).
		on("POST /jobs/retry/"+idC, answer(202, view.Retried{})).
		on("DELETE /jobs/"+idA, noContent).
		on("DELETE /jobs/"+idB, noContent).
		on("DELETE /jobs/"+idC, noContent)
}

// writes lists the requests that change something.
func writes(fake *api) []string {
	return slices.DeleteFunc(fake.requests(), func(r string) bool { return strings.HasPrefix(r, "GET ") })
}

// TestBulkPreviewChangesNothing shows what a filter matches.
func TestBulkPreviewChangesNothing(t *testing.T) {
	t.Parallel()

	fake := bulkAPI(t)

	got := fake.run(outside{}, "retry", "--filter", "status=failed,cancelled", "--filter", "type=x",
		"--filter", "tag.env=prod", "--dry-run")
	if got.code != exitOK || !strings.Contains(got.err, "3 jobs would be retried:") ||
		!strings.Contains(got.err, "  2 hello_world failed\n  1 tile_index cancelled") {
		t.Errorf("got %+v", got)
	}

	// Without a terminal, it needs --yes.
	if got := fake.run(outside{}, "delete", "--filter", "type=x"); got.code != exitUsage ||
		!strings.Contains(got.err, "Delete 3 jobs?") {
		t.Errorf("got %+v", got)
	}

	if done := writes(fake); len(done) > 0 {
		t.Errorf("a preview sent %q", done)
	}

	query := fake.requests()[0]
	for _, want := range []string{"status=failed", "status=cancelled", "type=x", "tag.env=prod"} {
		if !strings.Contains(query, want) {
			t.Errorf("%q does not contain %q", query, want)
		}
	}

	if strings.Contains(query, "completed_with_errors") {
		t.Errorf("%q asks for jobs that the filter does not match", query)
	}
}

// TestBulkActsOnEachJob continues after a refusal, and reports it.
func TestBulkActsOnEachJob(t *testing.T) {
	t.Parallel()

	fake := bulkAPI(t)

	got := fake.run(outside{}, "retry", "--filter", "since=24h", "--yes")
	if got.code != exitOther || !strings.Contains(got.err, "retried 2 of 3 jobs.") ||
		!strings.Contains(got.err, "1 job refused: The job is being deleted.") {
		t.Errorf("got %+v", got)
	}

	got = fake.run(outside{}, "delete", "--filter", "status=failed", "--yes", "-o", "name")
	if lines := strings.Fields(got.out); got.code != exitOK || len(lines) != 3 || !slices.Contains(lines, idA) {
		t.Errorf("got %+v", got)
	}

	if done := writes(fake); len(done) != 6 {
		t.Errorf("sent %q", done)
	}
}

// TestBulkRefusesUnclearCommands changes nothing.
func TestBulkRefusesUnclearCommands(t *testing.T) {
	t.Parallel()

	fake := bulkAPI(t)

	for want, args := range map[string][]string{
		"not both":                   {"cancel", idA, "--filter", "type=x"},
		"name a job":                 {"cancel", "--yes"},
		"is not NAME=VALUE":          {"retry", "--filter", "failed", "--yes"},
		`did you mean "status"?`:     {"retry", "--filter", "statsu=failed", "--yes"},
		`unknown status "tired"`:     {"delete", "--filter", "status=tired", "--yes"},
		"invalid duration":           {"delete", "--filter", "since=soon", "--yes"},
		"No job that can be retried": {"retry", "--filter", "status=running", "--yes"},
	} {
		got := fake.run(outside{}, args...)
		if !strings.Contains(got.err, want) || got.code != exitUsage && !strings.HasPrefix(want, "No job") {
			t.Errorf("%q: got %+v, want %q", args, got, want)
		}
	}

	if done := writes(fake); len(done) > 0 {
		t.Errorf("sent %q", done)
	}
}
