package coremachine_test

import (
	"context"
	"sync"
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestSweepRestartsFinallyStages deletes the message that starts the finally
// stages, and later the messages of their tasks.
func TestSweepRestartsFinallyStages(t *testing.T) {
	t.Parallel()

	s := &scratch{}
	e := s.start(t, jobOf(finallyStages()...), enginetest.Options{})
	exec(t, e, `create function lose() returns trigger language plpgsql as 'begin return null; end';
		create trigger lose before insert on messages for each row
		when (new.kind = 6 or new.kind = 2 and new.stage = 3) execute function lose()`)

	id := e.Submit("scratch", `{"n":3}`)

	until(t, "the outcome is decided", func() bool {
		return query(t, e, `select count(*) from jobs where outcome is not null`) == 1
	})
	exec(t, e, `drop trigger lose on messages;
		create trigger lose before insert on messages for each row
		when (new.kind = 2 and new.stage = 3) execute function lose()`)

	if rep := sweep(t, e); rep.Repaired != 1 {
		t.Errorf("the sweep repaired %d jobs", rep.Repaired)
	}

	until(t, "the last stage has begun", func() bool {
		return query(t, e, `select count(*) from stages where name = 'report' and status = 'running'`) == 1
	})
	exec(t, e, `drop trigger lose on messages`)

	if rep := sweep(t, e); rep.Repaired != 1 {
		t.Errorf("the sweep repaired %d jobs", rep.Repaired)
	}

	e.Wait(id).MustBe(t, state.JobCompleted).Stage(t, "report").MustHave(t, 1, 0)

	if s.times("clean") != 3 || s.times("report") != 1 {
		t.Errorf("the finally stages ran %v", s.ran)
	}
}

// TestFinallyStagesSurviveALostProcess loses the process that runs a finally
// stage. Another one runs the stage to its end.
func TestFinallyStagesSurviveALostProcess(t *testing.T) {
	t.Parallel()

	for name, work := range map[string]func(context.Context, handlers.Task) error{"completed": nil, "failed": broken} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			var once sync.Once

			met := make(chan struct{})
			s := &scratch{work: work, clean: func(ctx context.Context, _ handlers.Task) (err error) {
				once.Do(func() {
					close(met)
					<-ctx.Done()
					err = ctx.Err()
				})

				return err
			}}
			e := s.start(t, jobOf(finallyStages()...), enginetest.Options{Processes: 2, Config: shortLease})
			id := e.Submit("scratch", `{"n":2}`)

			<-met
			exec(t, e, `update workers set lease_until = now() - interval '1 hour'
				where worker_id in (select worker_id from messages where worker_id is not null)`)

			want := state.JobCompleted
			if work != nil {
				want = state.JobFailed
			}

			job := e.Wait(id).MustBe(t, want)
			job.Stage(t, "clean").MustHave(t, 2, 0)
			job.Stage(t, "report").MustHave(t, 1, 0)
		})
	}
}

// TestBuildBeforeFinallyStagesCannotEndAJobWithoutThem ends a job with the
// statements of the build before finally stages, which cancels them with all
// other stages. They run nevertheless.
func TestBuildBeforeFinallyStagesCannotEndAJobWithoutThem(t *testing.T) {
	t.Parallel()

	cleaning, release := make(chan struct{}), make(chan struct{})
	s := &scratch{clean: func(context.Context, handlers.Task) error {
		close(cleaning)
		<-release

		return nil
	}}
	e := s.start(t, jobOf(finallyStages()...), enginetest.Options{})

	exec(t, e, `create function lose() returns trigger language plpgsql as 'begin return null; end';
		create trigger lose before insert on messages for each row
		when (new.stage = 1) execute function lose()`)

	id := e.Submit("scratch", `{"n":1}`)

	until(t, "the second stage has begun", func() bool {
		return query(t, e, `select count(*) from stages where name = 'after' and status = 'running'`) == 1
	})
	exec(t, e, `begin;
		insert into tasks (job_id, stage, gen, index, status, finished_at)
		select job_id, 1, 1, 0, 'cancelled', clock_timestamp() from jobs;
		update stages set cancelled = 1 where stage = 1;
		update jobs set cancel_requested_at = clock_timestamp(), version = version + 1;
		update stages
		set
			status = 'cancelled', finished_at = clock_timestamp(),
			total = case when status = 'running' then coalesce(total, planned) end
		where status in ('waiting', 'running');
		update jobs set status = 'cancelled', finished_at = clock_timestamp(), version = version + 1;
		commit`)

	<-cleaning

	// A finally stage fails there.
	exec(t, e, `update jobs set error = '{"code":"planner","message":"x"}'`)
	close(release)

	job := e.Wait(id).MustBe(t, state.JobCancelled)
	job.Stage(t, "clean").MustHave(t, 1, 0)
	job.Stage(t, "report").MustHave(t, 1, 0)

	if job.Error != nil {
		t.Errorf("the job's error is %+v", job.Error)
	}

	// Its retry and its rerun keep the outcome.
	const again = `update jobs set status = 'queued', attempt = attempt + 1, pending_stages = 1,
		cancel_requested_at = null, started_at = null, finished_at = null, result = null, error = null`

	if _, err := e.Pool().Exec(t.Context(), again); err == nil {
		t.Error("a run was started that keeps the outcome of the one before it")
	}
}
