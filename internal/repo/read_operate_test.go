package repo_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

func TestListEventsPagesForwardUnderEveryFilter(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(
		t,
		pool,
		rows.Job{Stages: []rows.Stage{{Name: "a"}, {Name: "b", DependsOn: []int16{0}}}},
	)
	rows.InsertEvent(t, pool, id, "created", -1, -1, "")

	for i := range 7 {
		rows.InsertEvent(
			t,
			pool,
			id,
			[]string{"task_failed", "stage_started"}[i%2],
			i/4,
			i,
			`{"message":"no","attempt":2}`,
		)
	}

	read := func(f view.EventFilter) (got []int) {
		t.Helper()

		f.Limit = 2
		for {
			page, err := r.ListEvents(t.Context(), id, f)
			if err != nil {
				t.Fatal(err)
			}

			for _, e := range page.Items {
				if e.Index == nil {
					got = append(got, -1)
					continue
				}

				got = append(got, *e.Index)
				if e.Message != "no" || e.Attempt != 2 || e.Stage != []string{"a", "b"}[*e.Index/4] ||
					e.At.Location() != time.UTC {
					t.Errorf("event %+v", e)
				}
			}

			if page.Next == nil {
				return got
			}

			f.After = *page.Next
		}
	}
	for _, c := range []struct {
		f    view.EventFilter
		want []int
	}{
		{view.EventFilter{}, []int{-1, 0, 1, 2, 3, 4, 5, 6}},
		{view.EventFilter{Kind: "task_failed"}, []int{0, 2, 4, 6}},
		{view.EventFilter{Stage: "b"}, []int{4, 5, 6}},
		{view.EventFilter{Stage: "b", Kind: "stage_started"}, []int{5}},
		{view.EventFilter{Kind: "nope"}, nil},
	} {
		if got := read(c.f); !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.f, got, c.want)
		}
	}

	if _, err := r.ListEvents(t.Context(), state.JobID{1}, view.EventFilter{Limit: 1}); state.CodeOf(
		err,
	) != state.CodeNotFound {
		t.Errorf("an unknown job: %v", err)
	}
}

func TestListEventsStopsLooking(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)

	id := rows.Insert(
		t,
		pool,
		rows.Job{Stages: []rows.Stage{{Name: "a"}, {Name: "b", DependsOn: []int16{0}}}},
	)
	if _, err := pool.Exec(
		t.Context(),
		`insert into events (job_id, kind, stage) select job_id, 'x', 0 from jobs, generate_series(1, 4500)`,
	); err != nil {
		t.Fatal(err)
	}

	rows.InsertEvent(t, pool, id, "x", 1, 3, "")

	f, pages, found := view.EventFilter{Stage: "b", Limit: 10}, 0, 0
	for {
		page, err := r.ListEvents(t.Context(), id, f)
		if err != nil {
			t.Fatal(err)
		}

		pages, found = pages+1, found+len(page.Items)
		if page.Next == nil {
			break
		}

		f.After = *page.Next
	}

	if pages != 3 || found != 1 {
		t.Errorf("%d pages found %d", pages, found)
	}
}

func TestQueuesAreCountedByWhatTheirMessagesAre(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(
		t,
		pool,
		rows.Job{Status: state.JobRunning, Stages: []rows.Stage{{Name: "a", Planned: 9, Dispatched: 9}}},
	)

	for i, m := range []rows.Message{
		{Due: -time.Minute},
		{Due: -time.Second},
		{Due: time.Hour},
		{Sent: true},
		{Sent: true},
		{Held: true},
		{Dead: "because", Count: 2},
		{Dead: "another", Gen: 7},
		{Queue: state.QueueJobs, Kind: state.KindStop, Dead: "no stop"},
	} {
		m.First = i
		rows.InsertMessage(t, pool, id, m)
	}

	queues, err := r.ReadQueues(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	oldest := queues[1].OldestSeconds
	if oldest == nil || *oldest < 59 || *oldest > 600 {
		t.Errorf("the oldest is %v", oldest)
	}

	queues[1].OldestSeconds = nil
	if diff := cmp.Diff([]view.QueueView{
		{
			Queue: "jobs",
			Dead:  1,
		},
		{Queue: "tasks", Ready: 2, Scheduled: 1, Sent: 2, Held: 1, Dead: 2},
		{Queue: "long-tasks"},
	}, queues); diff != "" {
		t.Error(diff)
	}

	page, err := r.ListDead(t.Context(), state.QueueTasks, view.DeadFilter{Limit: 1})
	if err != nil || page.Next == nil {
		t.Fatalf("got %+v, %v", page, err)
	}

	first := page.Items[0]
	if first.Reason != "because" || !first.Wanted || first.JobID != id || first.StageName != "a" ||
		first.Kind != "tasks" ||
		first.Count != 2 {
		t.Errorf("the first is %+v", first)
	}

	page, err = r.ListDead(t.Context(), state.QueueTasks, view.DeadFilter{After: *page.Next, Limit: 1})
	if err != nil || page.Next != nil || page.Items[0].Wanted || page.Items[0].Reason != "another" {
		t.Errorf("the second is %+v, %v", page, err)
	}

	page, err = r.ListDead(t.Context(), state.QueueJobs, view.DeadFilter{Limit: 500})
	if err != nil || len(page.Items) != 1 || page.Items[0].Kind != "stop" || !page.Items[0].Wanted {
		t.Errorf("of jobs: %+v, %v", page, err)
	}

	wanted, unwanted, err := r.CountDead(t.Context(), state.QueueTasks, view.DeadFilter{})
	if err != nil || wanted != 1 || unwanted != 1 {
		t.Errorf("%d wanted, %d not, %v", wanted, unwanted, err)
	}

	for _, f := range []view.DeadFilter{{Reason: "because"}, {IDs: []int64{first.MessageID, 1 << 40}}} {
		wanted, unwanted, err = r.CountDead(t.Context(), state.QueueTasks, f)
		if err != nil || wanted != 1 || unwanted != 0 {
			t.Errorf("%+v: %d wanted, %d not, %v", f, wanted, unwanted, err)
		}

		f.Limit = 5

		page, err := r.ListDead(t.Context(), state.QueueTasks, f)
		if err != nil || len(page.Items) != 1 || page.Items[0].MessageID != first.MessageID {
			t.Errorf("%+v: %+v, %v", f, page, err)
		}
	}

	reasons, err := r.DeadReasons(t.Context(), state.QueueTasks)
	if err != nil {
		t.Fatal(err)
	}

	for i := range reasons {
		if !reasons[i].Oldest.Equal(reasons[i].Newest) || time.Since(reasons[i].Oldest).Abs() > time.Hour {
			t.Errorf("%+v is wrong about when", reasons[i])
		}

		reasons[i].Oldest, reasons[i].Newest = time.Time{}, time.Time{}
	}

	if diff := cmp.Diff(
		[]view.DeadReason{{Reason: "another", Unwanted: 1}, {Reason: "because", Wanted: 1}},
		reasons,
	); diff != "" {
		t.Error(diff)
	}
}

func TestSweepsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)

	r := repo.New(pool)
	if _, err := pool.Exec(t.Context(), `
insert into sweeps (ended_at, found) select now(), json_build_object('lost', i) from generate_series(1, 3) i;
insert into sweeps default values`); err != nil {
		t.Fatal(err)
	}

	var got []string

	before := int64(0)
	for {
		page, err := r.ListSweeps(t.Context(), before, 2)
		if err != nil {
			t.Fatal(err)
		}

		for _, s := range page.Items {
			got = append(got, string(s.Found))
		}

		if page.Next == nil {
			break
		}

		before = *page.Next
	}

	if want := []string{"", `{"lost" : 3}`, `{"lost" : 2}`, `{"lost" : 1}`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLastEventsAreTheNewestFirst(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(t, pool, rows.Job{Seed: "a", Stages: []rows.Stage{{Name: "a"}}})

	other := rows.Insert(t, pool, rows.Job{Seed: "b", Stages: []rows.Stage{{Name: "a"}}})
	for i := range 5 {
		rows.InsertEvent(t, pool, id, fmt.Sprint("kind ", i), i%2-1, -1, `{"message":"m"}`)
		rows.InsertEvent(t, pool, other, "other", -1, -1, "")
	}

	events, err := r.LastEvents(t.Context(), id, 3)
	if err != nil || len(events) != 3 {
		t.Fatalf("got %v, %v", events, err)
	}

	for i, want := range []string{"kind 4  m", "kind 3 a m", "kind 2  m"} {
		if got := events[i].Kind + " " + events[i].Stage + " " + events[i].Message; got != want {
			t.Errorf("entry %d is %q, want %q", i, got, want)
		}
	}
}

func TestMessagesThatComeAndGoAreCounted(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)

	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()

	before, err := r.ReadFlow(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	id := rows.Insert(
		t,
		pool,
		rows.Job{Status: state.JobRunning, Stages: []rows.Stage{{Name: "a", Planned: 9, Dispatched: 9}}},
	)
	for _, sql := range []string{
		`insert into messages (job_id, queue, kind, first) select job_id, 2, 2, 100 + i from jobs, ` +
			`generate_series(1, 30) i`,
		`delete from messages where first > 110`, `select pg_stat_force_next_flush()`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}

	after, err := r.ReadFlow(t.Context())
	if err != nil || after.Made-before.Made < 30 || after.Gone-before.Gone != 20 {
		t.Errorf("of job %s %+v became %+v, %v", id, before, after, err)
	}
}
