package coremachine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// delayed starts an engine with a job of two branches, whose handler counts its
// calls.
func delayed(t *testing.T, calls *atomic.Int64) *enginetest.Engine {
	t.Helper()

	fn := func(_ context.Context, _ handlers.Task, in workIn) (workOut, error) {
		calls.Add(1)
		return workOut(in), nil
	}

	return start(t, enginetest.Options{
		Jobs: map[string]define.Job{"late": jobOf(
			define.Stage[params]{Name: "left", Tasks: dynamic()},
			define.Stage[params]{Name: "right", Tasks: single(), DependsOn: define.None},
			define.Stage[params]{Name: "both", Tasks: fanIn(), DependsOn: []string{"left", "right"}},
		)},
		Handlers: handlersOf(fn),
	})
}

func submitLate(t *testing.T, e *enginetest.Engine, req coremachine.SubmitRequest) coremachine.SubmitResult {
	t.Helper()

	req.Type, req.Body = "late", []byte(`{"n":30}`)

	res, err := e.Process(0).Machine.Submit(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}

	return res
}

// early counts the messages of all jobs that a process could work on before the
// start of their job. Every build obeys due_at.
func early(t *testing.T, e *enginetest.Engine) (n int) {
	t.Helper()

	if err := e.Pool().QueryRow(t.Context(), `
		select count(*) from messages m join jobs j using (job_id)
		where m.kind <> 4 and (m.due_at < j.start_at or m.worker_id is not null or m.kind = 2)`).Scan(&n); err != nil {
		t.Fatal(err)
	}

	return n
}

// TestDelayedJobWaitsUntilStartNow delays a job by an hour and starts it early.
func TestDelayedJobWaitsUntilStartNow(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestDelayedJobWaitsUntilStartNow) {
		return
	}

	var calls atomic.Int64

	e := delayed(t, &calls)
	m := e.Process(0).Machine

	res := submitLate(t, e, coremachine.SubmitRequest{Delay: time.Hour})
	if !res.Created || res.StartAt == nil || time.Until(*res.StartAt) < 50*time.Minute {
		t.Fatalf("the submit returned %+v", res)
	}

	again := submitLate(t, e, coremachine.SubmitRequest{})
	if again.Created || again.StartAt == nil || !again.StartAt.Equal(*res.StartAt) {
		t.Errorf("the second submit returned %+v, want the start of the first", again)
	}

	job, err := e.Process(0).Repo.ReadJob(t.Context(), res.JobID)
	if err != nil || job.Status != state.JobQueued || job.StartAt == nil {
		t.Errorf("the job is %s with the start %v, %v", job.Status, job.StartAt, err)
	}

	for _, s := range job.Stages {
		if s.Status != state.StageWaiting || s.StartedAt != nil {
			t.Errorf("stage %s is %s, started %v; want waiting", s.Name, s.Status, s.StartedAt)
		}
	}

	if n := early(t, e); n != 0 || calls.Load() != 0 {
		t.Fatalf("%d messages can be processed before the start, %d handlers ran", n, calls.Load())
	}

	for range 2 { // the second time changes nothing
		if err := m.StartNow(t.Context(), res.JobID, "test"); err != nil {
			t.Fatal(err)
		}
	}

	if j := e.Wait(res.JobID); j.Status != state.JobCompleted || calls.Load() != 32 {
		t.Errorf("the job is %s after %d calls", j.Status, calls.Load())
	}

	if err := m.StartNow(t.Context(), res.JobID, "test"); state.CodeOf(err) != state.CodeConflict {
		t.Errorf("starting a job that has ended: %v", err)
	}
}

// TestDelayedJobStartsByDatabaseTime looks at the record: no process may start
// it early.
func TestDelayedJobStartsByDatabaseTime(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestDelayedJobStartsByDatabaseTime) {
		return
	}

	var calls atomic.Int64

	e := delayed(t, &calls)
	id := submitLate(t, e, coremachine.SubmitRequest{Delay: 300 * time.Millisecond}).JobID
	e.Wait(id)

	var punctual bool
	if err := e.Pool().QueryRow(t.Context(), `
		select bool_and(j.started_at >= j.start_at and s.started_at >= j.start_at)
		from jobs j join stages s using (job_id)`).Scan(&punctual); err != nil || !punctual {
		t.Errorf("the job started on time: %v, %v", punctual, err)
	}
}

// TestDelayedJobIsCancelledAndRetried cancels a job before its start. A retry
// does not wait for the old start.
func TestDelayedJobIsCancelledAndRetried(t *testing.T) {
	t.Parallel()

	var calls atomic.Int64

	e := delayed(t, &calls)
	m := e.Process(0).Machine
	id := submitLate(t, e, coremachine.SubmitRequest{Delay: time.Hour}).JobID

	if err := m.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	if j := e.Wait(id); j.Status != state.JobCancelled || calls.Load() != 0 {
		t.Errorf("the job is %s after %d calls, want cancelled after none", j.Status, calls.Load())
	}

	if _, err := m.Retry(t.Context(), id, "test", ""); err != nil {
		t.Fatal(err)
	}

	if j := e.Wait(id); j.Status != state.JobCompleted || calls.Load() != 32 {
		t.Errorf("the retried job is %s after %d calls", j.Status, calls.Load())
	}

	if job, err := e.Process(0).Repo.ReadJob(t.Context(), id); err != nil || job.StartAt != nil {
		t.Errorf("the retried job has the start %v, %v", job.StartAt, err)
	}

	// It has ended, so that a submit can delay a new run.
	res := submitLate(t, e, coremachine.SubmitRequest{Rerun: true, Delay: time.Hour})
	if !res.Started || res.StartAt == nil || early(t, e) != 0 {
		t.Errorf("the delayed rerun returned %+v, %d messages are early", res, early(t, e))
	}

	if err := m.StartNow(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	if j := e.Wait(id); j.Status != state.JobCompleted {
		t.Errorf("the delayed rerun is %s", j.Status)
	}
}

// TestStartOfASubmitIsChecked lists what start times mean.
func TestStartOfASubmitIsChecked(t *testing.T) {
	t.Parallel()

	var calls atomic.Int64

	e := delayed(t, &calls)
	m := e.Process(0).Machine

	_, err := m.Submit(t.Context(), coremachine.SubmitRequest{Type: "late", StartAt: time.Now().AddDate(2, 0, 0)})
	if state.CodeOf(err) != state.CodeInvalid {
		t.Errorf("a start in two years: %v", err)
	}

	id := submitLate(t, e, coremachine.SubmitRequest{StartAt: time.Now().AddDate(-1, 0, 0)}).JobID
	if j := e.Wait(id); j.Status != state.JobCompleted {
		t.Errorf("a job with a start in the past is %s", j.Status)
	}

	if err := m.StartNow(t.Context(), id, ""); state.CodeOf(err) != state.CodeConflict {
		t.Errorf("starting a job that was not delayed: %v", err)
	}

	if err := m.StartNow(t.Context(), state.NewJobID("late", nil), ""); state.CodeOf(err) != state.CodeNotFound {
		t.Errorf("starting an unknown job: %v", err)
	}
}
