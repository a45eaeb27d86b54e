package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// TestRunsAndCompareCommands asks for the runs of a job, and for a comparison.
func TestRunsAndCompareCommands(t *testing.T) {
	t.Parallel()

	run := view.RunView{
		Attempt: 2, Cause: "retried", BeganAt: testNow, EndedAt: &testNow, Status: state.JobFailed,
		Stages: []view.RunStage{{Name: "reply", Status: state.StageFailed, Tasks: 3, Failed: 1}},
	}
	compared := view.Comparison{
		JobType: "hello_world", Equal: 2,
		Parameters: []view.ParameterDiff{{Path: "n", Left: []byte("1")}},
		Stages:     []view.StageDiff{{Name: "reply", Left: &view.StageSide{Tasks: 3}}},
		Failures:   []view.FailureDiff{{Stage: "reply", Message: "no\tvoice", Right: 4}},
	}
	fake := newAPI(t).
		on("GET /jobs/"+idA+"/runs", answer(200, page("", run))).
		on("GET /jobs/"+idA+"/compare", answer(200, compared))

	for _, c := range []struct {
		args []string
		out  string
	}{
		{[]string{"runs", idA}, "2\tfailed\tretried\t"},
		{[]string{"runs", idA, "-o", "name"}, "2\n"},
		{[]string{"compare", idA, idB}, "parameter n\t1\t-\n"},
		{[]string{"compare", idA, idB}, "error in reply: no voice\t0\t4\n"},
		{[]string{"compare", idA, idB, "-o", "json"}, `"equal_parameters":2`},
	} {
		if got := fake.run(outside{}, c.args...); got.code != exitOK || !strings.Contains(got.out, c.out) {
			t.Errorf("%q: got %+v, want %q", c.args, got, c.out)
		}
	}

	want := "GET /jobs/" + idA + "/compare?with=" + idB
	if diff := cmp.Diff(want, fake.requests()[2]); diff != "" {
		t.Error(diff)
	}
}
