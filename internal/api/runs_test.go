package api_test

import (
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

// TestRunsAndComparison answers as the contract says.
func TestRunsAndComparison(t *testing.T) {
	t.Parallel()

	s := start(t, fakeEngine{})
	of := func(seed, jobType, params string) state.JobID {
		return rows.Insert(t, s.pool, rows.Job{
			Seed: seed, Type: jobType, Params: params, Stages: []rows.Stage{{Name: "a"}},
		})
	}
	left, right, other := of("a", "x", `{"n":1}`), of("b", "x", `{"n":2}`), of("c", "y", `{}`)
	rows.InsertEvent(t, s.pool, left, "created", -1, -1, `{"by":"ann"}`)
	rows.InsertEvent(t, s.pool, left, "stage_started", 0, -1, `{"total":5}`)
	rows.InsertEvent(t, s.pool, left, "task_failed", 0, 1, `{"message":"no"}`)

	runs := get[page[view.RunView]](s, "/jobs/"+left.String()+"/runs")
	if len(runs.Items) != 1 || runs.Items[0].By != "ann" || runs.Items[0].Stages[0].Tasks != 5 ||
		runs.Items[0].Errors[0].Logged != 1 {
		t.Errorf("got %+v", runs.Items)
	}

	compared := get[view.Comparison](s, "/jobs/"+left.String()+"/compare?with="+right.String())
	if len(compared.Parameters) != 1 || string(compared.Parameters[0].Right) != "2" || len(compared.Stages) != 1 {
		t.Errorf("got %+v", compared)
	}

	for query, status := range map[string]int{
		"with=" + other.String(): http.StatusBadRequest,
		"with=" + unknownID:      http.StatusNotFound,
		"with=abc":               http.StatusBadRequest,
		"":                       http.StatusBadRequest,
	} {
		s.call(http.MethodGet, "/jobs/"+left.String()+"/compare?"+query, nil).problem(status)
	}

	var p api.Problem

	s.call(http.MethodGet, "/jobs/"+left.String()+"/compare?with="+other.String(), nil).into(&p)

	if len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Message, "must be a job of the type x") {
		t.Errorf("got %+v", p)
	}

	s.call(http.MethodGet, "/jobs/"+unknownID+"/runs", nil).problem(http.StatusNotFound)
}
