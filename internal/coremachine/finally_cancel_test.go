package coremachine_test

import (
	"context"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestCancelRunsFinallyStages cancels a job, and again while its finally stages
// run. They are not stopped. The job cannot be deleted, retried or run again
// before they have ended.
func TestCancelRunsFinallyStages(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestCancelRunsFinallyStages) {
		return
	}

	working, cleaning, release := make(chan struct{}, 9), make(chan struct{}, 9), make(chan struct{})
	s := &scratch{
		work: func(ctx context.Context, _ handlers.Task) error {
			working <- struct{}{}

			<-ctx.Done()

			return ctx.Err()
		},
		clean: func(ctx context.Context, _ handlers.Task) error {
			cleaning <- struct{}{}

			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
	e := s.start(t, jobOf(finallyStages()...), enginetest.Options{Config: func(c *coremachine.Config) {
		shortGrace(c)
	}})
	m := e.Process(0).Machine
	id := e.Submit("scratch", `{"n":1}`)

	<-working
	e.MustSatisfyInvariants()
	exec(t, e, `update jobs set callback_url = 'https://chat.example/'`)

	if err := m.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	<-cleaning

	mustCount(t, e, 1, `select count(*) from jobs where status = 'running' and outcome = 'cancelled'`)
	mustCount(t, e, 0, `select count(*) from notifications`)
	e.MustSatisfyInvariants()

	// A second message that starts finally stages finds that they have begun.
	exec(t, e, `insert into messages (job_id, queue, kind) select job_id, 1, 6 from jobs`)
	until(t, "the second message is dropped", func() bool {
		return query(t, e, `select count(*) from messages where kind = 6`) == 0
	})

	if err := m.Cancel(t.Context(), id, "test"); err != nil {
		t.Errorf("cancelling again: %v", err)
	}

	wantCode(t, "delete", m.Delete(t.Context(), id), state.CodeConflict)

	_, err := m.Retry(t.Context(), id, "test", "")
	wantCode(t, "retry", err, state.CodeConflict)

	_, err = m.Submit(t.Context(), coremachine.SubmitRequest{Type: "scratch", Body: []byte(`{"n":1}`), Rerun: true})
	wantCode(t, "rerun", err, state.CodeConflict)

	close(release)
	e.Wait(id).MustBe(t, state.JobCancelled).Stage(t, "report").MustHave(t, 1, 0)

	if s.times("clean") != 1 {
		t.Errorf("clean ran %d times", s.times("clean"))
	}

	mustCount(t, e, 1, `select count(*) from jobs where cancel_requested_at is not null and stop_requested_at is null`)
	mustCount(t, e, 1, `select count(*) from events where kind = 'stage_ended' and stage = 2`)
	mustCount(t, e, 1, `select count(*) from notifications where data->>'status' = 'cancelled'`)
}

// TestForcedCancelStopsFinallyStages forces a cancel while finally stages run,
// and before that.
func TestForcedCancelStopsFinallyStages(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		hold string
		work func(context.Context, handlers.Task) error
		want state.JobStatus
	}{
		"while it works":          {"work", nil, state.JobCancelled},
		"completed, and cleaning": {"clean", nil, state.JobCompletedWithErrors},
		"failed, and cleaning":    {"clean", broken, state.JobFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			held := make(chan struct{}, 9)
			hold := func(ctx context.Context, _ handlers.Task) error {
				held <- struct{}{}

				<-ctx.Done()

				return ctx.Err()
			}

			s := &scratch{work: c.work, clean: hold}
			if c.hold == "work" {
				s.work = hold
			}

			e := s.start(t, jobOf(finallyStages()...), enginetest.Options{Processes: 2})
			id := e.Submit("scratch", `{"n":2}`)

			<-held

			err := e.Process(0).Machine.Cancel(t.Context(), id, "test")
			if c.hold == "clean" {
				wantCode(t, "cancel", err, state.CodeConflict)
			}

			if err := e.Process(1).Machine.ForceCancel(t.Context(), id, "test"); err != nil &&
				state.CodeOf(err) != state.CodeConflict {
				t.Fatal(err)
			}

			job := e.Wait(id).MustBe(t, c.want)
			if got := job.Stage(t, "report"); c.hold == "clean" && got.Status != state.StageCancelled {
				t.Errorf("report is %+v", got)
			}
		})
	}
}

// TestFinallyStagesOfAJobThatNeverRan cancels a job before its start. No finally
// stage runs.
func TestFinallyStagesOfAJobThatNeverRan(t *testing.T) {
	t.Parallel()

	s := &scratch{}
	e := s.start(t, jobOf(finallyStages()...), enginetest.Options{})

	res, err := e.Process(0).Machine.Submit(t.Context(), coremachine.SubmitRequest{
		Type: "scratch", Body: []byte(`{"n":1}`), Delay: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}

	if err := e.Process(0).Machine.Cancel(t.Context(), res.JobID, "test"); err != nil {
		t.Fatal(err)
	}

	job := e.Wait(res.JobID).MustBe(t, state.JobCancelled)
	for _, name := range []string{"clean", "report"} {
		if got := job.Stage(t, name); got.Status != state.StageSkipped {
			t.Errorf("%s is %+v", name, got)
		}
	}

	retryJob(t, e, res.JobID)
	e.Wait(res.JobID).MustBe(t, state.JobCompleted).Stage(t, "clean").MustHave(t, 1, 0)
}
