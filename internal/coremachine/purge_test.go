package coremachine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// rowsOf counts all rows of a job, in all tables.
const rowsOf = `
select (select count(*) from jobs where job_id = $1) + (select count(*) from stages where job_id = $1)
     + (select count(*) from tasks where job_id = $1) + (select count(*) from attempts where job_id = $1)
     + (select count(*) from result_parts where job_id = $1) + (select count(*) from messages where job_id = $1)
     + (select count(*) from events where job_id = $1) + (select count(*) from task_logs where job_id = $1)`

// TestJobMarkedForDeletionDoesNotRun tries every operation on a job whose
// deletion has begun.
func TestJobMarkedForDeletionDoesNotRun(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestJobMarkedForDeletionDoesNotRun) {
		return
	}

	e := startFailing(t)
	id := e.Submit("tiles", `{"n":4}`)
	e.Wait(id).MustBe(t, state.JobFailed)
	p, ctx := e.Process(0), t.Context()

	incarnation, landed, err := p.Repo.PurgeMark(ctx, id)
	if err != nil || !landed {
		t.Fatalf("the mark: %v, %v", landed, err)
	}

	_, err = p.Machine.Retry(ctx, id, "test", "")
	wantCode(t, "retry", err, state.CodeConflict)
	wantCode(t, "cancel", p.Machine.Cancel(ctx, id, "test"), state.CodeConflict)
	wantCode(t, "delete", p.Machine.Delete(ctx, id), state.CodeConflict)

	begin := time.Now()
	_, err = p.Machine.Submit(
		ctx,
		coremachine.SubmitRequest{Type: "tiles", Body: []byte(`{"n":4}`), Rerun: true},
	)
	wantCode(t, "rerun", err, state.CodeUnavailable)

	if took := time.Since(begin); took < 2*time.Second {
		t.Errorf("the submit returned after %s, want it to wait 2s for the deletion", took)
	}

	if landed, err := p.Repo.Touch(ctx, id); landed || err != nil {
		t.Errorf("touch: %v, %v, want it not to land", landed, err)
	}

	mustCount(t, e, 1,
		`select count(*) from jobs where job_id = $1 and status = 'failed' and purge_started_at is not null`,
		id[:],
	)

	// The sweep finishes the deletion that the caller of the mark did not
	// finish.
	if _, err := p.Machine.Sweep(ctx); err != nil {
		t.Fatal(err)
	}

	mustCount(t, e, 0, rowsOf, id[:])

	if done := purgeAll(t, e, state.JobRef{JobID: id, Incarnation: incarnation}); done != 0 {
		t.Errorf("a second purge deleted %d rows", done)
	}
}

// purgeAll purges to the end and counts the deleted rows, without the job row.
func purgeAll(t *testing.T, e *enginetest.Engine, ref state.JobRef) (rows int) {
	t.Helper()

	for {
		n, done, err := e.Process(0).Repo.Purge(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}

		if done {
			return rows
		}

		rows += n
	}
}

// TestSubmitDuringDeletionRecreatesJob submits a job between its mark and the
// end of its deletion.
func TestSubmitDuringDeletionRecreatesJob(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestSubmitDuringDeletionRecreatesJob) {
		return
	}

	e := startFailing(t)
	id := e.Submit("tiles", `{"n":4}`)
	e.Wait(id).MustBe(t, state.JobFailed)
	p := e.Process(0)

	incarnation, _, err := p.Repo.PurgeMark(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}

	var (
		res    coremachine.SubmitResult
		submit sync.WaitGroup
	)

	submit.Go(func() {
		res, err = p.Machine.Submit(
			t.Context(),
			coremachine.SubmitRequest{Type: "tiles", Body: []byte(`{"n":4}`)},
		)
	})
	purgeAll(t, e, state.JobRef{JobID: id, Incarnation: incarnation})
	submit.Wait()

	if err != nil || !res.Created || res.Attempt != 1 {
		t.Errorf("the submit: %+v, %v, want a new job", res, err)
	}

	e.Wait(id).MustBe(t, state.JobFailed)
}

// TestPurgeWithoutMarkDeletesNothing purges jobs that are not marked, or that
// carry the mark of another incarnation.
func TestPurgeWithoutMarkDeletesNothing(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestPurgeWithoutMarkDeletesNothing) {
		return
	}

	e := startFailing(t)
	id := e.Submit("tiles", `{"n":4}`)
	e.Wait(id).MustBe(t, state.JobFailed)
	p := e.Process(0)
	old := state.JobRef{
		JobID:       id,
		Incarnation: int64(query(t, e, `select incarnation from jobs where job_id = $1`, id[:])),
	}

	before := query(t, e, rowsOf, id[:])
	if n, done, err := p.Repo.Purge(t.Context(), old); n != 0 || done || err != nil {
		t.Errorf("a purge without a mark: %d rows, %v, %v", n, done, err)
	}

	mustCount(t, e, before, rowsOf, id[:])

	if err := p.Machine.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}

	mustCount(t, e, 0, rowsOf, id[:])
	e.Submit("tiles", `{"n":4}`)
	e.Wait(id).MustBe(t, state.JobFailed)

	before = query(t, e, rowsOf, id[:])
	if _, landed, err := p.Repo.PurgeMark(t.Context(), id); !landed || err != nil {
		t.Fatalf("the mark: %v, %v", landed, err)
	}

	if n := purgeAll(t, e, old); n != 0 {
		t.Errorf("the purge of a past incarnation deleted %d rows", n)
	}

	mustCount(t, e, before, rowsOf, id[:])

	if _, err := p.Machine.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}

	mustCount(t, e, 0, rowsOf, id[:])
}

// TestDeleteAndRetryNeverBothSucceed runs a delete and a retry of one failed
// job concurrently, many times. The tasks of the retry end only after both have
// answered: a delete that begins after the job failed again may succeed too.
func TestDeleteAndRetryNeverBothSucceed(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestDeleteAndRetryNeverBothSucceed) {
		return
	}

	var answered atomic.Pointer[chan struct{}]

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"tiles": jobOf(define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 2}),
		},
		Handlers: handlersOf(func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
			if wait := answered.Load(); wait != nil {
				select {
				case <-*wait:
				case <-ctx.Done():
				}
			}

			return workOut(in), handlers.Permanent(fmt.Errorf("task %d is broken", task.Index))
		}),
	})

	p := e.Process(0)
	for range 20 {
		id := e.Submit("tiles", `{"n":4}`)
		e.Wait(id).MustBe(t, state.JobFailed)

		wait := make(chan struct{})
		answered.Store(&wait)

		var (
			deleted, retried error
			both             sync.WaitGroup
		)

		both.Go(func() { deleted = p.Machine.Delete(t.Context(), id) })
		both.Go(func() { _, retried = p.Machine.Retry(t.Context(), id, "test", "") })
		both.Wait()
		close(wait)

		if (deleted == nil) == (retried == nil) {
			t.Fatalf("delete: %v, retry: %v; want exactly one to succeed", deleted, retried)
		}

		if retried == nil {
			e.Wait(id).MustBe(t, state.JobFailed)
		}

		answered.Store(nil)
	}
}

// TestDeleteIsRejectedIfRetryStartedFirst has a retry start the job after the
// delete has read its status and before the delete sets its mark.
func TestDeleteIsRejectedIfRetryStartedFirst(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestDeleteIsRejectedIfRetryStartedFirst) {
		return
	}

	var before atomic.Pointer[func()]

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"tiles": jobOf(define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 2}),
		},
		Handlers: handlersOf(func(_ context.Context, task handlers.Task, in workIn) (workOut, error) {
			return workOut(in), handlers.Permanent(fmt.Errorf("task %d is broken", task.Index))
		}),
		Fault: func(point string) error {
			if point != "purge_mark" {
				return nil
			}

			if retry := before.Swap(nil); retry != nil {
				(*retry)()
			}

			return nil
		},
	})
	id := e.Submit("tiles", `{"n":4}`)
	e.Wait(id).MustBe(t, state.JobFailed)
	exec(
		t,
		e,
		`create function hold() returns trigger language plpgsql as $$ begin new.due_at = 'infinity'; `+
			`return new; end $$`,
	)
	exec(t, e, `create trigger hold before insert on messages for each row execute function hold()`)

	retry := func() {
		if _, err := e.Process(0).Machine.Retry(t.Context(), id, "test", ""); err != nil {
			t.Errorf("retry: %v", err)
		}
	}
	before.Store(&retry)

	err := e.Process(0).Machine.Delete(t.Context(), id)

	wantCode(t, "delete", err, state.CodeConflict)
	mustCount(t, e, 1, `select count(*) from jobs where status = 'queued' and purge_started_at is null`)
}
