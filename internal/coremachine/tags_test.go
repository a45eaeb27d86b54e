package coremachine_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/view"
)

func helloEngine(t *testing.T) *enginetest.Engine {
	t.Helper()
	return enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All, Dispatch: modeOf(t)})
}

func tagsOf(t *testing.T, e *enginetest.Engine, id state.JobID) map[string]string {
	t.Helper()

	job, err := e.Process(0).Repo.ReadJob(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}

	return job.Tags
}

// TestARunKeyIsPartOfTheIdentity submits the same parameters with keys.
func TestARunKeyIsPartOfTheIdentity(t *testing.T) {
	t.Parallel()

	e := helloEngine(t)
	submit := func(key string) coremachine.SubmitResult {
		t.Helper()

		res, err := e.Process(0).Machine.Submit(t.Context(), coremachine.SubmitRequest{
			Type: "hello_world", Body: []byte(`{"n":1}`), RunKey: key,
		})
		if err != nil {
			t.Fatal(err)
		}

		return res
	}

	params := []byte(`{"failure_rate":0,"message":"Hello World","n":1}`)
	ids := map[state.JobID]bool{}

	for _, key := range []string{"", "a", "A", "schedules", "a/schedule/"} {
		res := submit(key)

		want := state.KeyedJobID("hello_world", params, key)
		if res.JobID != want || !res.Created || res.RunKey != key {
			t.Errorf("with key %q: %+v, want the id %s", key, res, want)
		}

		if again := submit(key); again.JobID != res.JobID || again.Created {
			t.Errorf("again with key %q: %+v", key, again)
		}

		ids[res.JobID] = true
		job := e.Wait(res.JobID).MustBe(t, state.JobCompleted)

		if seen, err := e.Process(0).Repo.ReadJob(t.Context(), job.ID); err != nil || seen.RunKey != key {
			t.Errorf("the job has the key %q, want %q, %v", seen.RunKey, key, err)
		}
	}

	if len(ids) != 5 {
		t.Errorf("five keys are %d jobs", len(ids))
	}

	e.MustSatisfyInvariants()
}

// TestKeysOfSchedulesAreReserved attempts to occupy a slot, and runs the job of a
// slot that has fired again.
func TestKeysOfSchedulesAreReserved(t *testing.T) {
	t.Parallel()

	e := helloEngine(t)
	key := state.ScheduleKey("nightly", time.Unix(0, 0))
	submit := func(key string, rerun bool) (coremachine.SubmitResult, error) {
		return e.Process(0).Machine.Submit(t.Context(), coremachine.SubmitRequest{
			Type: "hello_world", Body: []byte(`{"n":1}`), RunKey: key, Rerun: rerun,
		})
	}

	for _, rerun := range []bool{false, true} {
		if res, err := submit(key, rerun); state.CodeOf(err) != state.CodeInvalid {
			t.Errorf("a submit with the key of a slot, rerun %v: %+v, %v", rerun, res, err)
		}
	}

	mustCount(t, e, 0, `select count(*) from jobs`)

	res, err := submit("a", false)
	if err != nil {
		t.Fatal(err)
	}

	e.Wait(res.JobID).MustBe(t, state.JobCompleted)

	params := []byte(`{"failure_rate":0,"message":"Hello World","n":1}`)
	id := state.KeyedJobID("hello_world", params, key)
	// The job of a slot, as a schedule leaves it.
	if _, err := e.Pool().Exec(t.Context(), `insert into jobs
		(job_id, job_type, params, pending_stages, status, started_at, finished_at, run_key)
		select $1, job_type, params, 0, status, started_at, finished_at, $2 from jobs`, id[:], key); err != nil {
		t.Fatal(err)
	}

	if res, err = submit(key, true); err != nil || res.JobID != id || !res.Started || res.Attempt != 2 {
		t.Fatalf("a rerun of the job of a slot: %+v, %v", res, err)
	}

	e.Wait(id).MustBe(t, state.JobCompleted)
}

// TestTagsFollowTheRunsOfAJob covers the tags of a job over its life: from the
// submit, at a submit that finds it, at reruns and when they are edited.
func TestTagsFollowTheRunsOfAJob(t *testing.T) {
	t.Parallel()

	e := helloEngine(t)
	m := e.Process(0).Machine

	submit := func(rerun bool, tags map[string]string) state.JobID {
		t.Helper()

		res, err := m.Submit(t.Context(), coremachine.SubmitRequest{
			Type: "hello_world", Body: []byte(`{"n":2}`), Rerun: rerun, Tags: tags,
		})
		if err != nil {
			t.Fatal(err)
		}

		e.Wait(res.JobID).MustBe(t, state.JobCompleted)

		return res.JobID
	}

	must := func(id state.JobID, want map[string]string) {
		t.Helper()

		if got := tagsOf(t, e, id); !maps.Equal(got, want) {
			t.Errorf("the tags are %v, want %v", got, want)
		}
	}

	first := map[string]string{"env": "prod", "batch": "1"}
	id := submit(false, first)
	must(id, first)

	submit(false, map[string]string{"env": "test"}) // finds the job
	must(id, first)

	submit(true, nil)
	must(id, first)

	second := map[string]string{"env": "test"}
	submit(true, second)
	must(id, second)

	value, other := "c", "prod"

	got, err := m.EditTags(t.Context(), id, map[string]*string{"b": &value, "env": &other, "none": nil}, "ann")
	if want := (map[string]string{"b": "c", "env": "prod"}); err != nil || !maps.Equal(got, want) {
		t.Errorf("an edit returned %v, %v", got, err)
	}

	must(id, got)

	page, err := e.Process(0).Repo.ListJobs(t.Context(), view.JobFilter{Limit: 5, Terms: []state.Term{
		{Name: "tag.env", Value: "prod"}, {Name: "param.n", Value: "2"},
	}})
	if err != nil || len(page.Items) != 1 || page.Items[0].JobID != id {
		t.Errorf("listed by tag and parameter: %+v, %v", page.Items, err)
	}

	bad := ""

	_, err = m.EditTags(t.Context(), id, map[string]*string{"b": &bad}, "")
	if state.CodeOf(err) != state.CodeInvalid {
		t.Errorf("an empty value: %v", err)
	}

	many := map[string]*string{}
	for _, c := range "abcdefghijklmnop" {
		many[string(c)] = &value
	}

	if _, err := m.EditTags(t.Context(), id, many, ""); state.CodeOf(err) != state.CodeInvalid {
		t.Errorf("17 tags: %v", err)
	}

	must(id, got)

	many["env"] = nil
	if _, err := m.EditTags(t.Context(), id, many, ""); err != nil {
		t.Errorf("16 tags: %v", err)
	}

	if err := m.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}

	mustCount(t, e, 0, `select count(*) from job_terms`)

	if _, err := m.EditTags(t.Context(), id, many, ""); state.CodeOf(err) != state.CodeNotFound {
		t.Errorf("tags of a job that was deleted: %v", err)
	}

	e.MustSatisfyInvariants()
}

// TestConcurrentSubmitsKeepTheirTags submits jobs in one batch, some with tags.
func TestConcurrentSubmitsKeepTheirTags(t *testing.T) {
	t.Parallel()

	e := helloEngine(t)
	names := []string{"a", "b", "", "d", "", "f", "g", "h"}
	done := make(chan error, len(names))

	for i, name := range names {
		go func() {
			req := coremachine.SubmitRequest{
				Type: "hello_world", Body: []byte(`{"n":1}`), RunKey: string(rune('A' + i)),
			}
			if name != "" {
				req.Tags = map[string]string{"name": name, "all": "yes"}
			}

			_, err := e.Process(0).Machine.Submit(t.Context(), req)
			done <- err
		}()
	}

	for range names {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}

	page, err := e.Process(0).Repo.ListJobs(t.Context(), view.JobFilter{
		Limit: 20, Terms: []state.Term{{Name: "tag.all", Value: "yes"}},
	})
	if err != nil || len(page.Items) != 6 {
		t.Fatalf("%d jobs have the tag, %v", len(page.Items), err)
	}

	for _, job := range page.Items {
		if want := names[job.RunKey[0]-'A']; job.Tags["name"] != want || !slices.Contains(names, want) {
			t.Errorf("the job with the key %s has the tags %v, want the name %s", job.RunKey, job.Tags, want)
		}
	}
}
