package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

func TestSubmitReturnsTheNewOrExistingJob(t *testing.T) {
	t.Parallel()

	id := state.NewJobID("hello_world", []byte(`{"n":3}`))

	var (
		asked  coremachine.SubmitRequest
		result coremachine.SubmitResult
	)

	s := start(t, fakeEngine{submit: func(r coremachine.SubmitRequest) (coremachine.SubmitResult, error) {
		asked = r
		return result, nil
	}})
	result = coremachine.SubmitResult{
		JobID:      id,
		Status:     state.JobQueued,
		Attempt:    1,
		Created:    true,
		Started:    true,
		Parameters: json.RawMessage(`{"n":3,"text":"<a&b>"}`),
	}
	url := "/api/jobs/status/" + id.String()
	trace := "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"

	got := s.call(
		http.MethodPost,
		"/jobs/submit/hello_world?code=key",
		`{"n":3}`,
		"Traceparent",
		trace,
		"X-Ms-Client-Principal-Name",
		"ann@example.org",
	)
	got.must(http.StatusAccepted)

	if got.Header.Get("Location") != url {
		t.Errorf("Location is %q", got.Header.Get("Location"))
	}

	want := `{"job_id":"` + id.String() +
		`","job_type":"hello_world","status":"queued","attempt":1,"created":true,"status_url":"` + url +
		`","parameters":{"n":3,"text":"<a&b>"}}` + "\n"
	if diff := cmp.Diff(want, string(got.Body)); diff != "" {
		t.Error(diff)
	}

	if diff := cmp.Diff(coremachine.SubmitRequest{
		Type: "hello_world", Body: []byte(`{"n":3}`), Traceparent: trace, By: "ann@example.org",
	}, asked); diff != "" {
		t.Error(diff)
	}

	result.Created, result.Started, result.Status = false, false, state.JobRunning

	got = s.call(http.MethodPost, "/jobs/submit/hello_world?rerun=true", nil, "Traceparent", "nonsense").
		must(http.StatusOK)
	if got.Header.Get("Location") != "" || !strings.Contains(string(got.Body), `"created":false`) ||
		!asked.Rerun ||
		len(asked.Body) != 0 ||
		asked.Traceparent != "" {
		t.Errorf("got %s, submitted %+v", got.Body, asked)
	}

	three := 3
	result.Plan = []coremachine.PlannedStage{{Name: "a", Tasks: &three}, {Name: "b"}}

	got = s.call(http.MethodPost, "/jobs/submit/hello_world?dry_run=true", `{}`).must(http.StatusOK)
	if !asked.DryRun ||
		!strings.Contains(
			string(got.Body),
			`"plan":[{"name":"a","tasks":3,"skipped":false},{"name":"b","tasks":null,"skipped":false}]`,
		) {
		t.Errorf("answered %s", got.Body)
	}

	s.call(http.MethodPost, "/jobs/submit/a%2Fb%20c", `{}`).must(http.StatusOK)

	if asked.Type != "a/b c" {
		t.Errorf("the type is %q", asked.Type)
	}
}

// TestSubmitReadsWhenAJobStarts covers what a caller can say about the start.
func TestSubmitReadsWhenAJobStarts(t *testing.T) {
	t.Parallel()

	var asked coremachine.SubmitRequest

	at := time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)
	s := start(t, fakeEngine{submit: func(r coremachine.SubmitRequest) (coremachine.SubmitResult, error) {
		asked = r

		return coremachine.SubmitResult{
			JobID: state.NewJobID("hello_world", nil), Status: state.JobQueued, Attempt: 1,
			Created: true, Started: true, StartAt: &at, Parameters: json.RawMessage(`{}`),
		}, nil
	}})

	got := s.call(http.MethodPost, "/jobs/submit/hello_world?start_at=2026-12-24T19:00:00%2B01:00", nil).
		must(http.StatusAccepted)
	if !asked.StartAt.Equal(at) || !strings.Contains(string(got.Body), `"start_at":"2026-12-24T18:00:00Z"`) {
		t.Errorf("submitted %+v, got %s", asked, got.Body)
	}

	s.call(http.MethodPost, "/jobs/submit/hello_world?delay=90s", nil).must(http.StatusAccepted)

	if asked.Delay != 90*time.Second || !asked.StartAt.IsZero() {
		t.Errorf("submitted %+v", asked)
	}

	for _, bad := range []string{
		"start_at=tomorrow", "delay=-1s", "delay=soon", "delay=1s&start_at=2026-12-24T18:00:00Z",
	} {
		s.call(http.MethodPost, "/jobs/submit/hello_world?"+bad, nil).problem(http.StatusBadRequest)
	}
}

func TestSubmitRejectsUnknownParameters(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	p := s.call(http.MethodPost, "/jobs/submit/hello_world?rerun=maybe&force=1&dry_run=true&dry_run=true", `{}`).
		problem(http.StatusBadRequest)

	want := []state.FieldError{
		{
			Field: "force",
			Message: "is not a known parameter; " +
				"known parameters: rerun, dry_run, key, tag.NAME, callback_url, start_at, delay",
		},
		{Field: "rerun", Message: `"maybe" is neither true nor false`},
		{Field: "dry_run", Message: "occurs 2 times"},
	}
	if diff := cmp.Diff(want, p.Errors); diff != "" {
		t.Error(diff)
	}
}

func TestActionsCallTheEngine(t *testing.T) {
	t.Parallel()

	var asked []string

	fail := error(nil)
	s := start(t, fakeEngine{
		cancel: func(id state.JobID, by string) error { asked = append(asked, "cancel "+id.Short()+by); return fail },
		retry: func(id state.JobID, by string) (state.Retried, error) {
			asked = append(asked, "retry "+id.Short()+by)
			return state.Retried{Attempt: 2, Tasks: 3, Stages: 1}, fail
		},
		remove: func(id state.JobID) error { asked = append(asked, "delete "+id.Short()); return fail },
		start:  func(id state.JobID, by string) error { asked = append(asked, "start "+id.Short()+by); return fail },
	})
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning, Stopping: true})
	url := "/api/jobs/status/" + id.String()

	got := s.call(http.MethodPost, "/jobs/cancel/"+id.String(), nil, "X-Ms-Client-Principal-Name", "ann").
		must(http.StatusAccepted)

	want := `{"job_id":"` + id.String() + `","status":"running","attempt":1,"status_url":"` + url + `"}`
	if strings.TrimSpace(string(got.Body)) != want {
		t.Errorf("cancel answered %s", got.Body)
	}

	got = s.call(http.MethodPost, "/jobs/retry/"+id.String(), "", "X-Ms-Client-Principal-Name", "ann").
		must(http.StatusAccepted)
	if !strings.Contains(string(got.Body), `"attempt":2`) ||
		!strings.Contains(string(got.Body), `"tasks":3,"stages":1`) ||
		got.Header.Get("Location") != url {
		t.Errorf("retry answered %s", got.Body)
	}

	got = s.call(http.MethodPost, "/jobs/start/"+id.String(), nil, "X-Ms-Client-Principal-Name", "ann").
		must(http.StatusAccepted)
	if got.Header.Get("Location") != url {
		t.Errorf("start answered %s", got.Body)
	}

	if got = s.call(http.MethodDelete, "/jobs/"+id.String(), nil).
		must(http.StatusNoContent); len(got.Body) != 0 {
		t.Errorf("delete answered %s", got.Body)
	}

	if want := []string{
		"cancel " + id.Short() + "ann",
		"retry " + id.Short() + "ann",
		"start " + id.Short() + "ann",
		"delete " + id.Short(),
	}; cmp.Diff(want, asked) != "" {
		t.Errorf("engine calls: %q", asked)
	}

	s.call(http.MethodPost, "/jobs/cancel/"+id.String()+"?force=true", nil, "X-Ms-Client-Principal-Name", "ann").
		must(http.StatusAccepted)

	if got := asked[len(asked)-1]; got != "cancel "+id.Short()+"force ann" {
		t.Errorf("forced cancel: got %q", got)
	}

	s.call(http.MethodPost, "/jobs/cancel/"+id.String()+"?force=yes", nil).problem(http.StatusBadRequest)

	fail = state.Errorf(state.CodeConflict, "x", "It is running.")

	for _, route := range []string{"POST /jobs/cancel/", "POST /jobs/retry/", "DELETE /jobs/"} {
		method, path, _ := strings.Cut(route, " ")
		s.call(method, path+id.String(), nil).problem(http.StatusConflict)
		s.call(method, path+id.String()+"?other=true", nil).problem(http.StatusBadRequest)
	}
}
