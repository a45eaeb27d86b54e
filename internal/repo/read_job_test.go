package repo_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
)

// twoStages is a running job: of ten tasks three are done, two failed, two run
// in a bundle, the rest waits.
func twoStages() rows.Job {
	return rows.Job{Status: state.JobRunning, Params: `{"n":10}`, Stages: []rows.Stage{
		{Name: "greeting", Planned: 10, Dispatched: 9, Completed: 3, Failed: 2},
		{Name: "reply", Kind: state.MatchPrevious, DependsOn: []int16{0}},
	}}
}

func TestReadJobCountsWhatRunsFromHeldMessages(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(t, pool, twoStages())
	rows.InsertMessage(t, pool, id, rows.Message{First: 5, Count: 2, Held: true})
	rows.InsertMessage(t, pool, id, rows.Message{First: 7, Count: 2})
	rows.InsertMessage(t, pool, id, rows.Message{Gen: 2, First: 1, Held: true}) // of another generation
	other := rows.Insert(t, pool, rows.Job{Seed: "other"})
	rows.InsertMessage(t, pool, other, rows.Message{Held: true})

	if _, err := pool.Exec(
		t.Context(),
		`update jobs set traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' where job_id = $1`,
		id[:],
	); err != nil {
		t.Fatal(err)
	}

	job, err := r.ReadJob(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}

	if job.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("its trace is %q", job.TraceID)
	}

	want := state.TaskCounts{Total: 10, Queued: 3, Running: 2, Completed: 3, Failed: 2}
	if diff := cmp.Diff(want, job.Stages[0].Tasks); diff != "" {
		t.Errorf("greeting: %s", diff)
	}

	if diff := cmp.Diff(want, job.Tasks); diff != "" {
		t.Errorf("job: %s", diff)
	}

	reply := job.Stages[1]
	if reply.Planned || reply.Status != state.StageWaiting ||
		!slices.Equal(reply.DependsOn, []string{"greeting"}) ||
		reply.Queue != "tasks" {
		t.Errorf("reply is %+v", reply)
	}

	if job.Progress != nil || string(job.Parameters) != `{"n":10}` || job.Version != "1.24" ||
		job.StartedAt == nil ||
		job.Result != nil {
		t.Errorf("the job is %+v", job)
	}

	wantErrors := []state.ErrorGroup{{Stage: "greeting", Message: "task 3 failed", Index: 3, Count: 2}}
	if diff := cmp.Diff(
		wantErrors,
		job.Errors,
		cmpopts.IgnoreFields(state.ErrorGroup{}, "Fingerprint"),
	); diff != "" {
		t.Errorf("errors: %s", diff)
	}
}

func TestReadJobOfAnEndedRun(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(
		t,
		pool,
		rows.Job{Status: state.JobCompleted, Result: `{"big":12345678901234567890}`, Stages: []rows.Stage{
			{
				Name:       "only",
				Kind:       state.Single,
				Status:     state.StageCompleted,
				Planned:    1,
				Dispatched: 1,
				Completed:  1,
			},
		}},
	)

	job, err := r.ReadJob(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}

	if job.Progress == nil || *job.Progress != 1 || string(job.Result) != `{"big":12345678901234567890}` ||
		job.FinishedAt.Location() != time.UTC {
		t.Errorf("the job is %+v", job)
	}

	if _, err := r.ReadJob(
		t.Context(),
		state.JobID{1},
	); !errors.Is(
		err,
		&state.Error{Code: state.CodeNotFound},
	) {
		t.Errorf("an unknown job: %v", err)
	}

	if _, err := pool.Exec(t.Context(), `update jobs set purge_started_at = now()`); err != nil {
		t.Fatal(err)
	}

	if _, err := r.ReadJob(t.Context(), id); state.CodeOf(err) != state.CodeNotFound {
		t.Errorf("a job that is being deleted: %v", err)
	}
}

func TestVersionsAgreeWithTheJobAndMoveWithIt(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(t, pool, twoStages())
	version := func() string {
		t.Helper()

		seen, err := r.ReadVersions(t.Context(), []state.JobID{id, {9}})
		if err != nil || len(seen) != 1 || seen[id].Status != state.JobRunning {
			t.Fatalf("got %v, %v", seen, err)
		}

		job, err := r.ReadJob(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}

		if job.Version != seen[id].Version {
			t.Errorf("the job says %s, its version %s", job.Version, seen[id].Version)
		}

		list, err := r.ListJobs(t.Context(), state.JobFilter{Limit: 1})
		if err != nil || list.Items[0].Version != job.Version {
			t.Errorf("the list says %+v, %v", list, err)
		}

		return job.Version
	}
	seen := []string{version()}

	for _, change := range []string{
		`update jobs set version = version + 1`, `update stages set dispatched = dispatched + 1 where stage = 0`,
		`update stages set completed = completed + 1 where stage = 0`,
		`update stages set completed = completed - 1, failed = failed + 1, dispatched = dispatched - 1 where stage = 0; update jobs set version = version + 1`,
	} {
		if _, err := pool.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}

		v := version()
		if slices.Contains(seen, v) {
			t.Errorf("%s left the version at %s", change, v)
		}

		seen = append(seen, v)
	}
}

func TestListJobsPagesInOneOrderUnderEveryFilter(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	statuses := []state.JobStatus{state.JobQueued, state.JobRunning, state.JobCancelled}
	byFilter := map[string][]state.JobID{}

	for i := range 30 { // newest first; in threes of one age, so that the id decides
		status, jobType := statuses[i%3], []string{"a", "b"}[i%2]

		id := rows.Insert(
			t,
			pool,
			rows.Job{
				Seed:   strconv.Itoa(i),
				Type:   jobType,
				Status: status,
				Age:    time.Duration(i/3) * time.Hour,
			},
		)
		for _, f := range []string{"", string(status), jobType, jobType + "/" + string(status), id.String()[:4]} {
			byFilter[f] = append(byFilter[f], id)
		}

		if i/3 >= 5 {
			byFilter["since"] = append(byFilter["since"], id)
		}
	}
	// created_at is the statement's own now: make the threes equal
	if _, err := pool.Exec(
		t.Context(),
		`update jobs set created_at = date_trunc('hour', created_at)`,
	); err != nil {
		t.Fatal(err)
	}

	filters := map[string]state.JobFilter{
		"":            {},
		"running":     {Statuses: []state.JobStatus{"running", "running"}},
		"a":           {Type: "a"},
		"b/cancelled": {Type: "b", Statuses: []state.JobStatus{"cancelled"}},
		"since": {
			Until: state.Moment{Age: 4*time.Hour + 59*time.Minute},
			Since: state.Moment{Age: 1000 * time.Hour},
		},
	}

	for prefix := range byFilter {
		if len(prefix) == 4 && strings.Trim(prefix, "0123456789abcdef") == "" {
			filters[prefix] = state.JobFilter{IDPrefix: prefix}
			break
		}
	}

	for name, f := range filters {
		f.Limit = 4

		var got, back []state.JobID

		for {
			page, err := r.ListJobs(t.Context(), f)
			if err != nil {
				t.Fatalf("%q: %v", name, err)
			}

			for _, j := range page.Items {
				got = append(got, j.JobID)
			}

			if page.Next == nil {
				f.Before = page.Prev
				break
			}

			if len(page.Items) != f.Limit {
				t.Fatalf("%q: a page of %d has a next", name, len(page.Items))
			}

			f.After = page.Next
		}

		for last := len(got) - 1; ; { // and back from the first of the last page
			page, err := r.ListJobs(t.Context(), f)
			if err != nil {
				t.Fatalf("%q: %v", name, err)
			}

			if len(page.Items) == 0 {
				if *page.Prev != *f.Before || page.Next != nil {
					t.Errorf("%q: before the first job the page is %+v", name, page)
				}

				break
			}

			var ids []state.JobID
			for _, j := range page.Items {
				ids = append(ids, j.JobID)
			}

			back = append(ids, back...)
			if page.Next == nil || page.Next.JobID != ids[len(ids)-1] || len(back) > last {
				t.Fatalf("%q: going back the page is %+v", name, page)
			}

			f.Before = page.Prev
		}

		if want := got[:(len(got)-1)/f.Limit*f.Limit]; !slices.Equal(back, want) {
			t.Errorf("%q: back are %v, want %v", name, back, want)
		}

		all, err := r.ListJobs(t.Context(), state.JobFilter{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}

		var want []state.JobID

		for _, j := range all.Items {
			if slices.Contains(byFilter[name], j.JobID) {
				want = append(want, j.JobID)
			}
		}

		if name != "since" && len(want) != len(byFilter[name]) || len(want) == 0 {
			t.Fatalf("%q: the whole list holds %d of %d", name, len(want), len(byFilter[name]))
		}

		if name == "since" { // truncation moves ages by up to an hour
			if len(got) < 12 || len(got) > 18 {
				t.Errorf("%q: %d jobs", name, len(got))
			}

			continue
		}

		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}

	for _, f := range []state.JobFilter{{Limit: 0}, {Limit: 501}, {Limit: 1, IDPrefix: "abc"}, {Limit: 1, IDPrefix: "ABCD"}} {
		if _, err := r.ListJobs(t.Context(), f); state.CodeOf(err) != state.CodeInvalid {
			t.Errorf("%+v: %v", f, err)
		}
	}

	counts, err := r.JobCounts(t.Context(), state.JobFilter{})
	if err != nil || counts[0] != (state.JobCount{Status: "queued", Count: 10}) || counts[2].Count != 0 ||
		len(counts) != 6 {
		t.Errorf("counts are %v, %v", counts, err)
	}

	for _, f := range []state.JobFilter{
		{Type: "hello_world"},
		{Since: state.Moment{Age: 24 * time.Hour}},
		{Until: state.Moment{Age: 24 * time.Hour}},
		{Type: "nope"},
		{Type: "hello_world", Since: state.Moment{Age: 24 * time.Hour}},
	} {
		f.Limit = state.MaxPage

		page, err := r.ListJobs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}

		want := map[state.JobStatus]int{}
		for _, j := range page.Items {
			want[j.Status]++
		}

		counts, err := r.JobCounts(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}

		for _, c := range counts {
			if c.Count != want[c.Status] {
				t.Errorf("%+v: %d are %s, want %d", f, c.Count, c.Status, want[c.Status])
			}
		}
	}
}

func TestAListLeavesLargeParametersOut(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	id := rows.Insert(
		t,
		pool,
		rows.Job{Params: `{"text":"` + strings.Repeat("x", state.MaxListedParams) + `"}`},
	)
	r := repo.New(pool)

	list, err := r.ListJobs(t.Context(), state.JobFilter{Limit: 1})
	if err != nil || list.Items[0].Parameters != nil {
		t.Errorf("the list holds %d bytes, %v", len(list.Items[0].Parameters), err)
	}

	job, err := r.ReadJob(t.Context(), id)
	if err != nil || len(job.Parameters) <= state.MaxListedParams {
		t.Errorf("the job holds %d bytes, %v", len(job.Parameters), err)
	}
}

func TestAJobThatStopsBecauseItFailedWasNotCancelled(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	failing := rows.Insert(
		t,
		pool,
		rows.Job{
			Seed:     "a",
			Status:   state.JobRunning,
			Stopping: true,
			Error:    `{"code":"tasks_failed","message":"x"}`,
		},
	)

	cancelling := rows.Insert(t, pool, rows.Job{Seed: "b", Status: state.JobRunning, Stopping: true})
	for id, want := range map[state.JobID]bool{failing: false, cancelling: true} {
		job, err := r.ReadJob(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}

		if got := job.CancelRequestedAt != nil; got != want {
			t.Errorf("%s: cancel_requested_at is set: %t, want %t", id.Short(), got, want)
		}
	}

	page, err := r.ListJobs(t.Context(), state.JobFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}

	for _, job := range page.Items {
		if got, want := job.CancelRequestedAt != nil, job.JobID == cancelling; got != want {
			t.Errorf("in the list, %s: cancel_requested_at is set: %t, want %t", job.JobID.Short(), got, want)
		}
	}
}
