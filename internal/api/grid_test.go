package api_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

func TestGridReturnsRangesAndNotModified(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{
		{
			Name:       "greet all/ä",
			Planned:    6,
			Dispatched: 6,
			Completed:  3,
			Failed:     1,
			Status:     state.StageFailed,
			Cancelled:  2,
		},
	}})
	path := "/jobs/" + id.String() + "/stages/greet%20all%2F%C3%A4/grid"

	var g view.GridView

	got := s.call(http.MethodGet, path, nil).must(200).into(&g)

	want := []view.GridRange{
		{First: 0, Count: 3, Status: "completed"},
		{First: 3, Count: 1, Status: "failed"},
		{First: 4, Count: 2, Status: "cancelled"},
	}
	if diff := cmp.Diff(want, g.Ranges); diff != "" || !g.Final || g.Cell != 1 || g.JobID != id {
		t.Errorf("got grid %+v: %s", g, diff)
	}

	s.call(http.MethodGet, path, nil, "If-None-Match", got.Header.Get("Etag")).must(304)
	s.call(http.MethodGet, path, nil, "If-None-Match", `W/"1"`).must(200)
	s.call(http.MethodGet, "/jobs/"+id.String()+"/stages/nope/grid", nil).problem(404)
	s.call(http.MethodGet, "/jobs/"+unknownID+"/stages/x/grid", nil).problem(404)

	p := s.call(http.MethodGet, "/jobs/nope/stages/x/grid?cells=3", nil).problem(400)
	if len(p.Errors) != 2 {
		t.Errorf("invalid parameters: %+v", p.Errors)
	}
}

func TestJobsAreCountedByStatus(t *testing.T) {
	t.Parallel()

	s := start(t, fakeEngine{})
	for i, age := range []time.Duration{0, time.Hour, 48 * time.Hour} {
		rows.Insert(
			t,
			s.pool,
			rows.Job{
				Seed:   age.String(),
				Age:    age,
				Type:   []string{"a", "b"}[i%2],
				Status: []state.JobStatus{"running", "running", "queued"}[i],
			},
		)
	}

	for query, want := range map[string][]int{
		"":                  {1, 2, 0, 0, 0, 0},
		"?since=24h":        {0, 2, 0, 0, 0, 0},
		"?type=a":           {1, 1, 0, 0, 0, 0},
		"?until=24h&type=b": {0, 0, 0, 0, 0, 0},
	} {
		var got []int
		for i, c := range get[page[view.JobCount]](s, "/jobs/counts"+query).Items {
			got = append(got, c.Count)
			if c.Status != state.JobStatuses[i] {
				t.Errorf("%q: %s is at position %d", query, c.Status, i)
			}
		}

		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}

	if p := s.call(http.MethodGet, "/jobs/counts?status=failed&since=x", nil).
		problem(400); len(p.Errors) != 2 {
		t.Errorf("invalid parameters: %+v", p.Errors)
	}
}

func TestTasksOfARangeAreListed(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "a", Planned: 9, Dispatched: 9, Completed: 9}},
		},
	)
	base := "/jobs/" + id.String() + "/tasks?"

	for query, want := range map[string][]int{
		"stage=a&from=3&to=5&limit=2": {3, 4, 5},
		"stage=a&from=0&to=0":         {0},
		"stage=a&from=8":              {8},
		"stage=a&to=1":                {0, 1},
	} {
		var got []int
		for _, task := range pages[view.TaskSummary](s, base+query) {
			got = append(got, task.Index)
		}

		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}

	for query, want := range map[string]string{
		"from=1":                "from",
		"stage=a&from=5&to=4":   "to",
		"stage=a&to=2147483647": "to",
		"stage=a&from=-1":       "from",
	} {
		if p := s.call(http.MethodGet, base+query, nil).
			problem(400); len(p.Errors) != 1 ||
			p.Errors[0].Field != want {
			t.Errorf("%q: invalid parameters: %+v", query, p.Errors)
		}
	}
}
