package api_test

import (
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
)

func TestPathSegmentsMustBeText(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{submit: func(coremachine.SubmitRequest) (coremachine.SubmitResult, error) {
		t.Error("a submit reached the engine")
		return coremachine.SubmitResult{}, nil
	}})

	for _, wrong := range []string{"a%00", "%ff", strings.Repeat("x", 600)} {
		for _, c := range []struct{ method, path, field string }{
			{"POST", "/jobs/submit/%s", "job_type"},
			{"GET", "/jobs/" + unknownID + "/tasks/%s/0", "stage"},
			{"GET", "/jobs/" + unknownID + "/tasks/a/%s", "index"},
			{"GET", "/jobs/" + unknownID + "/stages/%s/grid", "stage"},
			{"GET", "/jobs/%s/tasks", "job_id"},
			{"GET", "/queues/%s/dead", "queue"},
		} {
			p := s.call(c.method, strings.Replace(c.path, "%s", wrong, 1), nil).problem(http.StatusBadRequest)
			if len(p.Errors) != 1 || p.Errors[0].Field != c.field {
				t.Errorf("%s %s with %.10q: the errors are %+v", c.method, c.path, wrong, p.Errors)
			}
		}
	}
}

func TestNumbersHaveOneNotation(t *testing.T) {
	t.Parallel()

	s := start(t, fakeEngine{})
	for _, wrong := range []string{"+1", "01", "-0", "1.0", "1e0", "0x1", "%201", "2147483648"} {
		p := s.call(http.MethodGet, "/jobs/"+unknownID+"/tasks/a/"+wrong, nil).problem(http.StatusBadRequest)
		if len(p.Errors) != 1 || p.Errors[0].Field != "index" {
			t.Errorf("the index %q: the errors are %+v", wrong, p.Errors)
		}
	}

	for _, wrong := range []string{"%2B1", "01", "1.0", "501", "0"} {
		p := s.call(http.MethodGet, "/jobs?limit="+wrong, nil).problem(http.StatusBadRequest)
		if len(p.Errors) != 1 || p.Errors[0].Field != "limit" {
			t.Errorf("the limit %q: the errors are %+v", wrong, p.Errors)
		}
	}

	s.call(http.MethodGet, "/jobs?since=%2B7d", nil).problem(http.StatusBadRequest)
	s.call(http.MethodGet, "/jobs/"+unknownID+"/tasks/a/2147483647", nil).problem(http.StatusNotFound)
}

func TestDryRunOfAnUnknownJobHasNoStatus(t *testing.T) {
	t.Parallel()

	result := coremachine.SubmitResult{
		Parameters: []byte(`{"n":1}`),
		Plan:       []coremachine.PlannedStage{{Name: "a"}},
	}
	s := start(
		t,
		fakeEngine{
			submit: func(coremachine.SubmitRequest) (coremachine.SubmitResult, error) { return result, nil },
		},
	)

	got := s.call(http.MethodPost, "/jobs/submit/hello_world?dry_run=true", `{}`).must(http.StatusOK)
	for _, name := range []string{"status", "status_url", "attempt"} {
		if strings.Contains(string(got.Body), `"`+name+`"`) {
			t.Errorf("the answer has %s: %s", name, got.Body)
		}
	}

	result.Status, result.Attempt = state.JobCompleted, 2

	got = s.call(http.MethodPost, "/jobs/submit/hello_world?dry_run=true", `{}`).must(http.StatusOK)
	if text := string(got.Body); !strings.Contains(text, `"status":"completed"`) ||
		!strings.Contains(text, `"status_url":"/api/jobs/status/`) {
		t.Errorf("answer for an existing job: %s", text)
	}
}
