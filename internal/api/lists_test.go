package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

// pages follows next_cursor to the last page.
func pages[T any](s *server, path string) []T {
	s.t.Helper()

	var all []T

	next := ""
	for {
		p := get[page[T]](s, path+next)

		all = append(all, p.Items...)
		if p.NextCursor == nil {
			return all
		}

		next = "&cursor=" + *p.NextCursor
	}
}

func TestJobsAreListedPageByPage(t *testing.T) {
	t.Parallel()

	s := start(t, fakeEngine{})
	if got := s.call(http.MethodGet, "/jobs", nil).
		must(200); strings.TrimSpace(
		string(got.Body),
	) != `{"items":[],"next_cursor":null,"prev_cursor":null}` {
		t.Errorf("without jobs: got %s", got.Body)
	}

	var ids []string

	for i := range 5 {
		id := rows.Insert(t, s.pool, rows.Job{
			Seed:   strconv.Itoa(i),
			Age:    time.Duration(i) * 30 * time.Hour,
			Status: []state.JobStatus{state.JobRunning, state.JobQueued}[i%2],
			Type:   []string{"a", "b"}[i/3],
		})
		ids = append(ids, id.String())
	}

	for query, want := range map[string][]string{
		"":                                     ids,
		"&status=running":                      {ids[0], ids[2], ids[4]},
		"&status=running,queued":               ids,
		"&status=running&status=queued&type=b": {ids[3], ids[4]},
		"&since=2d":                            {ids[0], ids[1]},
		"&since=40h&until=20h":                 {ids[1]},
		"&id=" + ids[2][:6]:                    {ids[2]},
		"&since=2100-01-01T00:00:00Z":          nil,
		"&until=2100-01-01T00:00:00%2B01:00":   ids,
	} {
		var got []string
		for _, j := range pages[view.JobSummary](s, "/jobs?limit=2"+query) {
			got = append(got, j.JobID.String())
		}

		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

func TestJobListCanBeReadBackwards(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	insert := func(seed string, age time.Duration) string {
		return rows.Insert(t, s.pool, rows.Job{Seed: seed, Age: age, Status: state.JobRunning}).String()
	}

	var ids []string
	for i := range 5 {
		ids = append(ids, insert(strconv.Itoa(i), time.Duration(i+1)*time.Hour))
	}

	read := func(cursor *string) (page[view.JobSummary], []string) {
		p := get[page[view.JobSummary]](s, "/jobs?limit=2&cursor="+*cursor)

		got := []string{}
		for _, j := range p.Items {
			got = append(got, j.JobID.String())
		}

		return p, got
	}
	first := get[page[view.JobSummary]](s, "/jobs?limit=2")
	second, _ := read(first.NextCursor)

	third, got := read(second.NextCursor)
	if !slices.Equal(got, ids[4:]) || third.NextCursor != nil {
		t.Fatalf("the last page contains %v", got)
	}

	if p, got := read(
		third.PrevCursor,
	); !slices.Equal(got, ids[2:4]) || *p.NextCursor != *second.NextCursor ||
		*p.PrevCursor != *second.PrevCursor {
		t.Errorf("page before the last: got %v", got)
	}

	if p, got := read(first.PrevCursor); len(got) > 0 || *p.PrevCursor != *first.PrevCursor ||
		p.NextCursor != nil {
		t.Errorf("page before the first: got %v", got)
	}

	newer := []string{insert("new", 0), insert("newer", time.Minute)}
	if _, got := read(first.PrevCursor); !slices.Equal(got, newer) {
		t.Errorf("newer jobs: got %v, want %v", got, newer)
	}
}

func TestInvalidFiltersAreNamed(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{{Name: "a", Planned: 3}}}).
		String()

	foreign := *get[page[view.TaskSummary]](s, "/jobs/"+id+"/tasks?limit=1").NextCursor
	for path, fields := range map[string]string{
		"/jobs?state=running":                          "state",
		"/jobs?status=done":                            "status",
		"/jobs?status=":                                "status",
		"/jobs?limit=0&type=":                          "type limit",
		"/jobs?limit=501":                              "limit",
		"/jobs?limit=ten":                              "limit",
		"/jobs?since=yesterday&until=-4h":              "since until",
		"/jobs?since=0d":                               "since",
		"/jobs?id=abc":                                 "id",
		"/jobs?id=ABCD":                                "id",
		"/jobs?cursor=x":                               "cursor",
		"/jobs?cursor=" + foreign:                      "cursor",
		"/jobs?type=a&type=b":                          "type",
		"/jobs?type=%ff":                               "type",
		"/jobs?type=a%00":                              "type",
		"/jobs?type=" + strings.Repeat("x", 513):       "type",
		"/jobs?a;b":                                    "query",
		"/jobs?type=%zz":                               "query",
		"/jobs?Status=running":                         "Status",
		"/jobs/types?x=1":                              "x",
		"/jobs/" + id + "/tasks?status=waiting":        "status",
		"/jobs/" + id + "/tasks?status=failed,running": "status",
		"/jobs/" + id + "/tasks?offset=3":              "offset",
		"/jobs/" + id + "/tasks?error=17":              "error",
		"/jobs/" + id + "/tasks?status=completed&error=00000000000000ff": "error",
		"/jobs/" + id + "/failures?limit=2":                              "limit",
		"/jobs/" + id + "/tasks/a/x":                                     "index",
		"/jobs/" + id + "/tasks/a/99999999999":                           "index",
		"/jobs/" + id + "/events?after=-1":                               "after",
		"/jobs/" + id + "/events?cursor=" + foreign:                      "cursor",
		"/jobs/" + id + "/stream?since=1.0.0":                            "since",
		"/sweeps?page=2":                                                 "page",
		"/queues?limit=1":                                                "limit",
		"/queues/tasks/dead?before=x":                                    "before",
		"/openapi.yaml?v=3":                                              "v",
	} {
		p := s.call(http.MethodGet, path, nil).problem(http.StatusBadRequest)

		var got []string
		for _, f := range p.Errors {
			got = append(got, f.Field)
		}

		if strings.Join(got, " ") != fields {
			t.Errorf("%s: %+v", path, p)
		}
	}

	p := s.call(http.MethodGet, "/jobs?state=running", nil).problem(400)

	want := []state.FieldError{
		{
			Field: "state",
			Message: "is not a known parameter; known parameters: status, type, since, until, id, limit, cursor, " +
				"tag.NAME, param.NAME",
		},
	}
	if diff := cmp.Diff(want, p.Errors); diff != "" {
		t.Error(diff)
	}

	s.call(http.MethodGet, "/jobs?code=secret&clientId=default", nil).must(200)
}

func TestTasksAndEventsAreListed(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(t, s.pool, running())
	base := "/jobs/" + id.String()
	rows.InsertMessage(t, s.pool, id, rows.Message{First: 5, Count: 5, Held: true})

	for query, want := range map[string]int{
		"":                10,
		"&status=failed":  2,
		"&status=running": 5,
		"&status=queued":  0,
		"&stage=reply":    0,
		"&stage=greeting": 10,
	} {
		if got := pages[view.TaskSummary](s, base+"/tasks?limit=3"+query); len(got) != want {
			t.Errorf("%s: %d tasks, want %d", query, len(got), want)
		}
	}

	s.call(http.MethodGet, base+"/tasks?stage=nope", nil).problem(404)

	task := get[view.TaskView](s, base+"/tasks/greeting/4")
	if task.Status != state.TaskFailed || len(task.Attempts) != 1 || task.Error != "task 4 failed" {
		t.Errorf("got task %+v", task)
	}

	get[view.TaskView](s, base+"/tasks/greeting/0")
	get[view.TaskView](s, base+"/tasks/greeting/7")

	for _, path := range []string{"/tasks/greeting/10", "/tasks/nope/0"} {
		s.call(http.MethodGet, base+path, nil).problem(404)
	}

	failures := get[page[view.FailureGroup]](s, base+"/failures?stage=greeting").Items
	if len(failures) != 1 || failures[0].Tasks != 2 || failures[0].Pattern != "task # failed" ||
		!slices.Equal(failures[0].Indexes, []int{3, 4}) {
		t.Fatalf("got failures %+v", failures)
	}

	if got := pages[view.TaskSummary](
		s,
		base+"/tasks?limit=1&error="+failures[0].Fingerprint.String(),
	); len(got) != 2 ||
		got[1].Index != 4 {
		t.Errorf("tasks with this error: got %+v", got)
	}

	if got := pages[view.FailureGroup](s, base+"/failures?stage=reply"); len(got) != 0 {
		t.Errorf("failures of a waiting stage: got %+v", got)
	}

	s.call(http.MethodGet, base+"/failures?stage=nope", nil).problem(404)
	s.call(http.MethodGet, "/jobs/"+unknownID+"/failures", nil).problem(404)

	for i := range 4 {
		rows.InsertEvent(
			t,
			s.pool,
			id,
			[]string{"task_failed", "created"}[i%2],
			0,
			i,
			`{"message":"no","attempt":1,"code":"timeout"}`,
		)
	}

	rows.InsertEvent(t, s.pool, id, "job_failing", -1, -1, "")

	all := pages[view.EventView](s, base+"/events?limit=2")
	if len(all) != 5 || all[0].Message != "no" || all[4].Stage != "" || all[4].Index != nil {
		t.Errorf("got events %+v", all)
	}

	if got := pages[view.EventView](s, base+"/events?kind=task_failed&stage=greeting"); len(got) != 2 {
		t.Errorf("got %d failures", len(got))
	}

	if got := pages[view.EventView](s, fmt.Sprintf("%s/events?limit=1&after=%d", base, all[2].EventID)); len(
		got,
	) != 2 {
		t.Errorf("got %d events after the third", len(got))
	}
}

func TestTypesListTheRegistry(t *testing.T) {
	t.Parallel()

	s := start(t, fakeEngine{})
	if diff := cmp.Diff(
		fakeEngine{}.Types(),
		get[page[coremachine.JobType]](s, "/jobs/types").Items,
	); diff != "" {
		t.Error(diff)
	}
}
