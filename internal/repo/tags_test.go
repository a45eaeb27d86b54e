package repo_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

func tag(name, value string) state.Term { return state.Term{Name: "tag." + name, Value: value} }

// listAll reads a list page by page, and then back from the first job of the
// last page. The way back must show the same jobs.
func listAll(t *testing.T, r *repo.Repo, f view.JobFilter) (ids []state.JobID) {
	t.Helper()

	for {
		page, err := r.ListJobs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}

		for _, j := range page.Items {
			ids = append(ids, j.JobID)
		}

		if page.Next == nil {
			break
		}

		f.After = page.Next
	}

	if len(ids) == 0 {
		return ids
	}

	last, err := r.ListJobs(t.Context(), view.JobFilter{Limit: view.MaxPage})
	if err != nil {
		t.Fatal(err)
	}

	for _, j := range last.Items {
		if j.JobID == ids[len(ids)-1] {
			f.Before = &view.JobCursor{CreatedAt: j.CreatedAt, JobID: j.JobID}
		}
	}

	f.After = nil

	var back []state.JobID

	for f.Before != nil {
		page, err := r.ListJobs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}

		var some []state.JobID
		for _, j := range page.Items {
			some = append(some, j.JobID)
		}

		back = append(some, back...)

		if len(page.Items) == 0 && *page.Prev == *f.Before {
			break
		}

		f.Before = page.Prev
	}

	if want := ids[:len(ids)-1]; !slices.Equal(back, want) {
		t.Errorf("%+v: on the way back there are %d jobs, want %d", f, len(back), len(want))
	}

	return ids
}

// TestListsByTermsAreTheJobsThatHaveAllOfThem compares lists with a list that is
// filtered here, for all ways that the statement can begin.
func TestListsByTermsAreTheJobsThatHaveAllOfThem(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	statuses := []state.JobStatus{state.JobQueued, state.JobRunning, state.JobCancelled}

	type job struct {
		id    state.JobID
		terms map[string]string
		view.JobFilter
	}

	jobs := map[state.JobID]job{}

	for i := range 60 {
		terms := map[string]string{"tag.env": []string{"prod", "test"}[i%2], "param.n": strconv.Itoa(i % 5)}
		if i%4 == 0 {
			terms["tag.team"] = "a team"
		}

		j := rows.Job{
			Seed: strconv.Itoa(i), Type: []string{"a", "b", "b"}[i%3], Status: statuses[i%len(statuses)],
			Age: time.Duration(i/3) * time.Hour, Terms: terms,
		}
		id := rows.Insert(t, pool, j)
		jobs[id] = job{id, terms, view.JobFilter{Type: j.Type, Statuses: []state.JobStatus{j.Status}}}
	}

	exec(t, pool, `update jobs set created_at = date_trunc('hour', created_at)`)
	exec(t, pool, `update job_terms t set created_at = j.created_at from jobs j where j.job_id = t.job_id`)

	whole, err := r.ListJobs(t.Context(), view.JobFilter{Limit: view.MaxPage})
	if err != nil {
		t.Fatal(err)
	}

	for _, f := range []view.JobFilter{
		{Terms: []state.Term{tag("env", "prod")}},
		{Terms: []state.Term{tag("env", "none")}},
		{Terms: []state.Term{tag("env", "prod"), tag("team", "a team")}},
		{Terms: []state.Term{tag("env", "prod"), tag("env", "prod"), {Name: "param.n", Value: "4"}}},
		{Terms: []state.Term{tag("env", "prod")}, Type: "a"},
		{Terms: []state.Term{tag("env", "test")}, Statuses: []state.JobStatus{"queued", "cancelled", "queued"}},
		{Terms: []state.Term{tag("team", "a team")}, Type: "b", Statuses: []state.JobStatus{"running"}},
		{Terms: []state.Term{{Name: "param.n", Value: "3"}}, Type: "none"},
	} {
		f.Limit = 4

		var want []state.JobID

		for _, listed := range whole.Items {
			j := jobs[listed.JobID]
			fits := (f.Type == "" || f.Type == j.Type) &&
				(len(f.Statuses) == 0 || slices.Contains(f.Statuses, j.Statuses[0]))

			for _, term := range f.Terms {
				fits = fits && j.terms[term.Name] == term.Value
			}

			if fits {
				want = append(want, j.id)
			}
		}

		if got := listAll(t, r, f); !slices.Equal(got, want) {
			t.Errorf("%+v lists %d jobs, want %d", f, len(got), len(want))
		}
	}
}

// TestPagesOfTermsReadABoundedNumberOfEntries has more jobs with each filter
// than a page reads. A page without a job has a next one, and together the pages
// are the whole list, in both directions.
func TestPagesOfTermsReadABoundedNumberOfEntries(t *testing.T) {
	t.Parallel()

	const jobs, queued = 12_000, 5_500

	pool := pgtest.Schema(t)
	manyTagged(t, pool, jobs, 2)
	exec(t, pool, `update jobs set status = 'queued', finished_at = null
		where job_id = any (select sha256(i::text::bytea) from generate_series($1::int, 11999) i)`, jobs-queued+1)

	r := repo.New(pool)
	f := view.JobFilter{
		Terms: []state.Term{tag("env", "prod")}, Statuses: []state.JobStatus{state.JobQueued},
		Type: "x", Limit: view.MaxPage,
	}

	empty, listed := 0, 0

	var last *view.JobCursor

	for {
		page, err := r.ListJobs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}

		listed += len(page.Items)
		if len(page.Items) == 0 {
			empty++
		} else {
			oldest := page.Items[len(page.Items)-1]
			last = &view.JobCursor{CreatedAt: oldest.CreatedAt, JobID: oldest.JobID}
		}

		if page.Next == nil {
			break
		}

		f.After = page.Next
	}

	if empty != 1 || listed != queued {
		t.Errorf("%d pages are empty and %d jobs are listed, want 1 and %d", empty, listed, queued)
	}

	// Back from the oldest job, with the other half of the jobs.
	f.After, f.Before, f.Statuses = nil, last, []state.JobStatus{state.JobCancelled}
	empty, listed = 0, 0

	for {
		page, err := r.ListJobs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}

		listed += len(page.Items)

		if len(page.Items) == 0 {
			if *page.Prev == *f.Before {
				break
			}

			empty++
		}

		f.Before = page.Prev
	}

	if empty != 1 || listed != jobs-queued {
		t.Errorf("back %d pages are empty and %d jobs are listed, want 1 and %d", empty, listed, jobs-queued)
	}
}

// TestAJobTakesItsTermsAlong deletes a job that has terms, by the statement that
// ends a deletion.
func TestAJobTakesItsTermsAlong(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	id := rows.Insert(t, pool, rows.Job{Status: state.JobCancelled, Terms: map[string]string{"tag.env": "prod"}})

	exec(t, pool, `update jobs set purge_started_at = now()`)

	r := repo.New(pool)

	page, err := r.ListJobs(t.Context(), view.JobFilter{Terms: []state.Term{tag("env", "prod")}, Limit: 5})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("a job that is being deleted is listed: %+v, %v", page.Items, err)
	}

	_, err = r.EditTags(t.Context(), id, "", func(tags map[string]string) (map[string]string, error) {
		t.Error("the tags of a job that is being deleted were changed")
		return tags, nil
	})
	if state.CodeOf(err) != state.CodeNotFound {
		t.Errorf("an edit of a job that is being deleted: %v", err)
	}

	exec(t, pool, `delete from jobs`)

	var left int
	if err := pool.QueryRow(t.Context(), `select count(*) from job_terms`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d terms are left, %v", left, err)
	}
}

// TestConcurrentEditsOfTagsSeeEachOther has many callers add a tag each, up to a
// limit that the change itself checks.
func TestConcurrentEditsOfTagsSeeEachOther(t *testing.T) {
	t.Parallel()

	const callers, limit = 24, 16

	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(t, pool, rows.Job{Status: state.JobRunning, Terms: map[string]string{"param.n": "5"}})
	full := state.Invalid("test", "full")

	var (
		all      sync.WaitGroup
		mu       sync.Mutex
		rejected int
	)

	for i := range callers {
		all.Go(func() {
			_, err := r.EditTags(context.Background(), id, "me",
				func(tags map[string]string) (map[string]string, error) {
					tags[fmt.Sprintf("t%d", i)] = "x"
					if len(tags) > limit {
						return nil, full
					}

					return tags, nil
				})
			if err == nil {
				return
			}

			mu.Lock()
			defer mu.Unlock()

			rejected++

			if state.CodeOf(err) != state.CodeInvalid {
				t.Error(err)
			}
		})
	}

	all.Wait()

	job, err := r.ReadJob(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}

	if len(job.Tags) != limit || rejected != callers-limit {
		t.Errorf("the job has %d tags, %d edits were rejected", len(job.Tags), rejected)
	}

	events, err := r.ListEvents(t.Context(), id, view.EventFilter{Kind: "tagged", Limit: 100})
	if err != nil || len(events.Items) != limit || len(events.Items[limit-1].Known().Tags) != limit {
		t.Errorf("%d events, %v", len(events.Items), err)
	}

	before := job.Version

	kept, err := r.EditTags(t.Context(), id, "me", func(map[string]string) (map[string]string, error) {
		return map[string]string{"env": "prod"}, nil
	})
	if err != nil || !maps.Equal(kept, map[string]string{"env": "prod"}) {
		t.Errorf("the tags are %v, %v", kept, err)
	}

	job, err = r.ReadJob(t.Context(), id)
	if err != nil || !maps.Equal(job.Tags, kept) || job.Version == before {
		t.Errorf("the job has %v, version %s, %v", job.Tags, job.Version, err)
	}

	var terms []string

	row := pool.QueryRow(t.Context(), `select array_agg(term order by term) from job_terms`)
	if err := row.Scan(&terms); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"param.n", "tag.env"}, terms); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
}
