package repo_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
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

	want := view.TaskCounts{Total: 10, Queued: 3, Running: 2, Completed: 3, Failed: 2}
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

	if job.Progress != nil || string(job.Parameters) != `{"n":10}` || job.Version != "1.1.24" ||
		job.StartedAt == nil ||
		job.Result != nil {
		t.Errorf("the job is %+v", job)
	}

	wantErrors := []view.ErrorGroup{
		{Stage: "greeting", Message: "task 3 failed", Outcome: state.OutcomePermanent, Index: 3, Count: 2},
	}
	if diff := cmp.Diff(
		wantErrors,
		job.Errors,
		cmpopts.IgnoreFields(view.ErrorGroup{}, "Fingerprint"),
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

	if _, err := r.ReadJob(t.Context(), state.JobID{1}); !errors.Is(
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

		list, err := r.ListJobs(t.Context(), view.JobFilter{Limit: 1})
		if err != nil || list.Items[0].Version != job.Version {
			t.Errorf("the list says %+v, %v", list, err)
		}

		return job.Version
	}
	seen := []string{version()}

	for _, change := range []string{
		`update jobs set version = version + 1`,
		`update stages set dispatched = dispatched + 1 where stage = 0`,
		`update stages set completed = completed + 1 where stage = 0`,
		`update stages set completed = completed - 1, failed = failed + 1, dispatched = dispatched - 1 where stage = 0;
		update jobs set version = version + 1`,
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

	page, err := r.ListJobs(t.Context(), view.JobFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}

	for _, job := range page.Items {
		if got, want := job.CancelRequestedAt != nil, job.JobID == cancelling; got != want {
			t.Errorf("in the list, %s: cancel_requested_at is set: %t, want %t", job.JobID.Short(), got, want)
		}
	}
}

// TestReadJobShowsTheStateOfItsNotification reads a job before and after its end,
// and in a new attempt.
func TestReadJobShowsTheStateOfItsNotification(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(t, pool, rows.Job{Status: state.JobRunning})

	for _, step := range []struct {
		change string
		want   *view.NotificationView // times are not compared
		timed  bool
	}{
		{`select 1`, nil, false},
		{
			`update jobs set callback_url = 'https://hooks.example.com:8443/x?token=secret'`,
			&view.NotificationView{State: view.NotificationWaiting}, false,
		},
		{
			`update jobs set status = 'completed', pending_stages = 0, finished_at = now()`,
			&view.NotificationView{State: view.NotificationPending}, true,
		},
		{
			`update notifications set tries = 2, error = 'the receiver answered 500'`,
			&view.NotificationView{State: view.NotificationPending, Tries: 2, Error: "the receiver answered 500"}, true,
		},
		{
			`update notifications set delivered_at = now(), error = null`,
			&view.NotificationView{State: view.NotificationDelivered, Tries: 2}, true,
		},
		{
			`update notifications set delivered_at = null, failed_at = now(), error = 'the receiver answered 410'`,
			&view.NotificationView{State: view.NotificationFailed, Tries: 2, Error: "the receiver answered 410"}, true,
		},
		{
			`update jobs set status = 'running', attempt = 2, finished_at = null`,
			&view.NotificationView{State: view.NotificationWaiting}, false,
		},
	} {
		if _, err := pool.Exec(t.Context(), step.change); err != nil {
			t.Fatal(err)
		}

		job, err := r.ReadJob(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}

		got := job.Notification
		if got != nil && (got.DueAt != nil || got.At != nil) != step.timed {
			t.Errorf("%s: the times are %v and %v", step.change, got.DueAt, got.At)
		}

		if step.want != nil {
			step.want.Host = "hooks.example.com:8443"
		}

		if diff := cmp.Diff(step.want, got, cmpopts.IgnoreTypes(&time.Time{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.change, diff)
		}
	}
}

// TestReadsTheOutcomeWhileFinallyStagesRun reads a cancelled job whose finally
// stages run, alone and in a list.
func TestReadsTheOutcomeWhileFinallyStagesRun(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)

	id := rows.Insert(t, pool, rows.Job{
		Status: state.JobRunning, Outcome: state.JobCancelled,
		Stages: []rows.Stage{
			{Name: "work", Status: state.StageCancelled, Planned: 1, Dispatched: 1, Cancelled: 1},
			{Name: "clean", Planned: 1, Dispatched: 1, Finally: true},
		},
	})

	job, err := r.ReadJob(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}

	if job.Stages[0].Finally || !job.Stages[1].Finally {
		t.Errorf("the stages are %+v", job.Stages)
	}

	page, err := r.ListJobs(t.Context(), view.JobFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}

	for _, got := range []view.JobSummary{job.JobSummary, page.Items[0]} {
		if !got.Finalizing || got.Outcome != state.JobCancelled || got.CancelRequestedAt == nil {
			t.Errorf("the job is %+v", got)
		}
	}
}
