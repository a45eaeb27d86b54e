package coremachine_test

import (
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestSweepRecreatesMissingMessages deletes the message rows of jobs: first
// those of a running stage, then that of a job whose stages have ended.
func TestSweepRecreatesMissingMessages(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestSweepRecreatesMissingMessages) {
		return
	}

	e := enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All})
	exec(t, e, `create function forget() returns trigger language plpgsql as $$ begin return null; end $$`)

	for _, kind := range []state.MessageKind{state.KindTasks, state.KindFinish} {
		when := map[state.MessageKind]string{state.KindTasks: "new.kind = 2", state.KindFinish: "new.kind = 3"}[kind]
		exec(
			t,
			e,
			`create trigger forget before insert on messages for each row when (`+when+`) execute function forget()`,
		)
		id := e.Submit("hello_world", `{"n":20,"message":"`+when+`"}`)

		until(t, "the job has no messages", func() bool {
			var n int

			err := e.Pool().
				QueryRow(t.Context(), `select count(*) from messages where job_id = $1`, id[:]).
				Scan(&n)

			return err == nil && n == 0
		})
		exec(t, e, `drop trigger forget on messages`)

		if rep := sweep(t, e); rep.Repaired != 1 {
			t.Errorf("the sweep repaired %d jobs, want 1", rep.Repaired)
		}

		e.Wait(id).MustBe(t, state.JobCompleted)
	}

	mustCount(t, e, 2, `select count(*) from events where kind = 'repaired'`)
	e.MustSatisfyInvariants()

	var found string

	err := e.Pool().
		QueryRow(t.Context(),
			`select found->>'repaired' from sweeps where ended_at is not null order by sweep_id limit 1`).
		Scan(&found)
	if err != nil || found != "1" {
		t.Errorf("the row of the sweep has %q repaired, %v", found, err)
	}
}

// TestSweepResendsStalledMessages acknowledges a message without the engine,
// like a transport that lost it.
func TestSweepResendsStalledMessages(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(
		t,
		enginetest.Options{Jobs: jobs.All, Handlers: handlers.All, Dispatch: enginetest.Queue},
	)
	exec(
		t,
		e,
		`create function lose() returns trigger language plpgsql as $$
		begin new.sent_at = now() - interval '6 minutes'; return new; end $$`,
	)
	exec(
		t,
		e,
		`create trigger lose before insert on messages for each row when (new.send = 1) execute function lose()`,
	)
	id := e.Submit("hello_world", `{"n":5}`)
	exec(t, e, `update stages set progressed_at = now() - interval '10 minutes'`)
	exec(t, e, `drop trigger lose on messages`)

	if rep := sweep(t, e); rep.Resent == 0 {
		t.Error("no message was sent again")
	}

	mustCount(t, e, 1, `select count(*) from events where kind = 'resent' and (detail->>'messages')::int > 0`)
	e.Wait(id).MustBe(t, state.JobCompleted)
}

func TestSweepRedrivesDeadLettersOfOpenJobs(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(
		t,
		enginetest.Options{Jobs: jobs.All, Handlers: handlers.All, Dispatch: enginetest.Queue},
	)
	exec(
		t,
		e,
		`create function kill() returns trigger language plpgsql as $$
		begin new.dead_reason = 'MaxDeliveryCountExceeded'; return new; end $$`,
	)
	exec(
		t,
		e,
		`create trigger kill before insert on messages for each row when (new.send = 1) execute function kill()`,
	)
	id := e.Submit("hello_world", `{"n":1}`)
	exec(t, e, `drop trigger kill on messages`)

	dead, err := e.Process(0).Queue.Peek(t.Context(), state.QueueTasks, 10)
	if err != nil || len(dead) != 1 || dead[0].Reason != "MaxDeliveryCountExceeded" ||
		dead[0].Message.JobID != id {
		t.Fatalf("dead letters: %+v, %v", dead, err)
	}

	if rep := sweep(t, e); rep.Dead != 1 {
		t.Errorf("the sweep redrove %d, want 1", rep.Dead)
	}

	mustCount(t, e, 1, `select count(*) from events where kind = 'redriven' and job_id = $1`, id[:])
	exec(t, e, `update messages set due_at = now()`)
	e.Wait(id).MustBe(t, state.JobCompleted)
}

// TestSweepLimitCountsRedrivesNotSends redrives a message that was sent often
// for other reasons. The limit must count redrives only. The trigger kills the
// message again with each change, so no worker can complete it in between.
func TestSweepLimitCountsRedrivesNotSends(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(
		t,
		enginetest.Options{Jobs: jobs.All, Handlers: handlers.All, Dispatch: enginetest.Queue},
	)
	exec(
		t,
		e,
		`create function kill() returns trigger language plpgsql as $$
		begin new.dead_reason = 'x'; new.send = 100000; return new; end $$`,
	)
	exec(t, e, `create trigger kill before insert or update on messages for each row execute function kill()`)
	e.Submit("hello_world", `{"n":1}`)

	for n := 1; n <= 4; n++ {
		want := 1
		if n > 3 {
			want = 0 // it waits for an operator
		}

		if rep := sweep(t, e); rep.Dead != want {
			t.Errorf("sweep %d redrove %d, want %d", n, rep.Dead, want)
		}
	}

	redriven, err := e.Process(0).Queue.Redrive(t.Context(), state.QueueTasks, "x", 10)
	if err != nil || redriven != 1 {
		t.Fatalf("an operator redrove %d, %v, want 1", redriven, err)
	}

	if rep := sweep(t, e); rep.Dead != 1 {
		t.Errorf("after the redrive of an operator, a sweep redrove %d, want 1", rep.Dead)
	}
}

func TestRetentionDeletesOldJobsAndKeepsRequestedOnes(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestRetentionDeletesOldJobsAndKeepsRequestedOnes) {
		return
	}

	e := enginetest.Start(
		t,
		enginetest.Options{
			Jobs:     jobs.All,
			Handlers: handlers.All,
			Config:   func(c *coremachine.Config) { c.Retention = time.Hour },
		},
	)
	old := e.Submit("hello_world", `{"n":1}`)
	requested := e.Submit("hello_world", `{"n":2}`)

	fresh := e.Submit("hello_world", `{"n":3}`)
	for _, id := range []state.JobID{old, requested, fresh} {
		e.Wait(id).MustBe(t, state.JobCompleted)
	}

	exec(
		t,
		e,
		`update jobs
		set finished_at = now() - interval '2 hours', last_submitted_at = now() - interval '2 hours'
		where job_id <> $1`,
		fresh[:],
	)
	e.Submit("hello_world", `{"n":2}`) // an existing job that is requested again

	if rep := sweep(t, e); rep.Expired != 1 || rep.Purged < 3 {
		t.Errorf("the sweep: %+v, want 1 expired and its rows purged", rep)
	}

	for table, column := range map[string]string{
		"jobs": "job_id", "stages": "job_id", "tasks": "job_id", "events": "job_id",
	} {
		var gone, kept int

		err := e.Pool().
			QueryRow(t.Context(),
				`select count(*) filter (where job_id = $1), count(distinct `+column+`) from `+table, old[:]).
			Scan(&gone, &kept)
		if err != nil || gone != 0 || kept != 2 {
			t.Errorf("%s holds %d rows of the old job and %d jobs, want 0 and 2; %v", table, gone, kept, err)
		}
	}
}

func TestDeleteAndQueueLimit(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestDeleteAndQueueLimit) {
		return
	}

	e := enginetest.Start(
		t,
		enginetest.Options{
			Jobs:     jobs.All,
			Handlers: handlers.All,
			Config:   func(c *coremachine.Config) { c.MaxQueued = 1 },
		},
	)
	m := e.Process(0).Machine

	id := e.Submit("hello_world", `{"n":1,"failure_rate":1}`) // retries for a while
	if err := m.Delete(t.Context(), id); state.CodeOf(err) != state.CodeConflict {
		t.Errorf("deleting an open job: %v", err)
	}

	_, err := m.Submit(t.Context(), coremachine.SubmitRequest{Type: "hello_world", Body: []byte(`{"n":2}`)})
	if state.CodeOf(err) != state.CodeBusy {
		t.Errorf("a new run over the limit: %v", err)
	}

	again := coremachine.SubmitRequest{Type: "hello_world", Body: []byte(`{"n":1,"failure_rate":1}`)}
	if res, err := m.Submit(t.Context(), again); err != nil || res.Started {
		t.Errorf("the same job over the limit: %+v, %v", res, err)
	}

	if err := m.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	e.Wait(id).MustBe(t, state.JobCancelled)

	if err := m.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}

	if _, err := e.Process(0).Repo.JobState(t.Context(), id); state.CodeOf(err) != state.CodeNotFound {
		t.Errorf("after the deletion: %v", err)
	}
}
