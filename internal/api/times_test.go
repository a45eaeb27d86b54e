package api_test

import (
	"net/http"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

func TestTimesAndSlowestTasksOfAJob(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{
				{Name: "a", Planned: 5, Dispatched: 5, Completed: 4},
				{Name: "b", DependsOn: []int16{0}},
			},
		},
	)

	times := get[page[view.StageTimes]](s, "/jobs/"+id.String()+"/times").Items
	if len(times) != 1 || times[0].Stage != "a" || times[0].Sample != 4 {
		t.Errorf("got times %+v", times)
	}

	slowest := get[page[view.TaskSpan]](s, "/jobs/"+id.String()+"/slowest").Items
	if len(slowest) != 4 || slowest[0].Stage != "a" || slowest[0].FinishedAt.IsZero() {
		t.Errorf("got slowest tasks %+v", slowest)
	}

	none := rows.Insert(t, s.pool, rows.Job{Seed: "none", Stages: []rows.Stage{{Name: "a"}}})
	for _, path := range []string{"/times", "/slowest"} {
		if got := get[page[view.TaskSpan]](s, "/jobs/"+none.String()+path).Items; got == nil ||
			len(got) != 0 {
			t.Errorf("job that has not started: got %v", got)
		}

		s.call(http.MethodGet, "/jobs/"+unknownID+path, nil).problem(404)
	}
}
