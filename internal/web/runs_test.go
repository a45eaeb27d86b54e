package web_test

import (
	"net/http"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

// TestRunsAndComparison shows earlier runs of a job as tabs, and compares it
// with the job before it.
func TestRunsAndComparison(t *testing.T) {
	t.Parallel()

	s := start(t, inline)
	first := rows.Insert(t, s.pool, rows.Job{
		Seed: "a", Type: "hello_world", Params: `{"n":1,"owner":{"name":"ann"}}`,
		Stages: []rows.Stage{{Name: "greeting"}},
	})
	has(t, s.get("/ui/jobs/"+first.String()+"/compare").Body, "No other job of this type")

	id := rows.Insert(t, s.pool, rows.Job{
		Seed: "b", Type: "hello_world", Params: `{"n":1,"owner":{"name":"<b>"}}`, Status: state.JobRunning,
		Stages: []rows.Stage{{Name: "greeting"}},
	})
	if _, err := s.pool.Exec(t.Context(), `update jobs set attempt = 2, created_at = now() + interval '1 hour'
		where job_id = $1`, id[:]); err != nil {
		t.Fatal(err)
	}

	for _, e := range []struct {
		kind   string
		stage  int
		detail string
	}{
		{"created", -1, `{"by":"ann"}`},
		{"stage_started", 0, `{"total":1234}`},
		{"task_failed", 0, `{"message":"<i>no"}`},
		{"stage_ended", 0, `{"status":"failed","completed":1,"failed":1233}`},
		{"job_ended", -1, `{"status":"failed"}`},
		{"retried", -1, `{"by":"ben","attempt":2}`},
	} {
		rows.InsertEvent(t, s.pool, id, e.kind, e.stage, -1, e.detail)
	}

	root := "/ui/jobs/" + id.String()
	has(t, s.get(root).Body, `aria-label="Runs of the job"`,
		`href="/api`+root+`/runs/1"`, `href="/api`+root+`/compare"`)
	has(t, s.get(root+"/runs/1").Body,
		"Run 1 of hello_world", "by ann", "1,233", "&lt;i&gt;no", `aria-current="page">Run 1`)
	has(t, s.get(root+"/runs/2").Body, "This is the last run", "by ben")

	for _, path := range []string{"/runs/3", "/runs/0", "/runs/x"} {
		if got := s.get(root + path); got.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.Status)
		}
	}

	body := s.get(root + "/compare").Body
	has(t, body, "owner.name", "&lt;b&gt;", "1 other parameter is equal", "No attempt of the two jobs failed")
	has(t, s.get(root+"/compare?with="+first.String()).Body, "owner.name")

	if got := s.get(root + "/compare?with=zz"); got.Status != http.StatusBadRequest {
		t.Errorf("an invalid job: %d", got.Status)
	}
}
