package repo_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

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

	filters := map[string]view.JobFilter{
		"":            {},
		"running":     {Statuses: []state.JobStatus{"running", "running"}},
		"a":           {Type: "a"},
		"b/cancelled": {Type: "b", Statuses: []state.JobStatus{"cancelled"}},
		"since": {
			Until: view.Moment{Age: 4*time.Hour + 59*time.Minute},
			Since: view.Moment{Age: 1000 * time.Hour},
		},
	}

	for prefix := range byFilter {
		if len(prefix) == 4 && strings.Trim(prefix, "0123456789abcdef") == "" {
			filters[prefix] = view.JobFilter{IDPrefix: prefix}
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

		all, err := r.ListJobs(t.Context(), view.JobFilter{Limit: 100})
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

	for _, f := range []view.JobFilter{
		{Limit: 0}, {Limit: 501}, {Limit: 1, IDPrefix: "abc"}, {Limit: 1, IDPrefix: "ABCD"},
	} {
		if _, err := r.ListJobs(t.Context(), f); state.CodeOf(err) != state.CodeInvalid {
			t.Errorf("%+v: %v", f, err)
		}
	}

	counts, err := r.JobCounts(t.Context(), view.JobFilter{})
	if err != nil || counts[0] != (view.JobCount{Status: "queued", Count: 10}) || counts[2].Count != 0 ||
		len(counts) != 6 {
		t.Errorf("counts are %v, %v", counts, err)
	}

	for _, f := range []view.JobFilter{
		{Type: "hello_world"},
		{Since: view.Moment{Age: 24 * time.Hour}},
		{Until: view.Moment{Age: 24 * time.Hour}},
		{Type: "nope"},
		{Type: "hello_world", Since: view.Moment{Age: 24 * time.Hour}},
	} {
		f.Limit = view.MaxPage

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
		rows.Job{Params: `{"text":"` + strings.Repeat("x", view.MaxListedParams) + `"}`},
	)
	r := repo.New(pool)

	list, err := r.ListJobs(t.Context(), view.JobFilter{Limit: 1})
	if err != nil || list.Items[0].Parameters != nil {
		t.Errorf("the list holds %d bytes, %v", len(list.Items[0].Parameters), err)
	}

	job, err := r.ReadJob(t.Context(), id)
	if err != nil || len(job.Parameters) <= view.MaxListedParams {
		t.Errorf("the job holds %d bytes, %v", len(job.Parameters), err)
	}
}
