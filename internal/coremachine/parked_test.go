package coremachine_test

import (
	"maps"
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestUnknownTaskTypeWaitsThenFails runs a build without a handler. Its tasks
// are requeued without using up attempts. After an hour, which the test
// simulates by changing the row, they fail with an error that names the task
// type.
func TestUnknownTaskTypeWaitsThenFails(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestUnknownTaskTypeWaitsThenFails) {
		return
	}

	e := enginetest.Start(
		t,
		enginetest.Options{Jobs: jobs.All, Handlers: handlers.All, Config: func(c *coremachine.Config) {
			c.Handlers = maps.Clone(c.Handlers)
			delete(c.Handlers, "hello_world_greeting")
		}},
	)
	id := e.Submit("hello_world", `{"n":1}`)
	parked := func() bool {
		var n int

		err := e.Pool().
			QueryRow(t.Context(),
				`select count(*) from messages where parked_for = 'hello_world_greeting' and worker_id is null
			and due_at between now() + interval '1 second' and now() + interval '8 seconds'`).
			Scan(&n)

		return err == nil && n == 1
	}
	until(t, "the message is requeued with a delay of some seconds", parked)
	exec(t, e, `update messages set parked_since = now() - interval '2 hours', due_at = now()`)
	e.Wait(id).MustBe(t, state.JobFailed)

	var code string
	if err := e.Pool().
		QueryRow(t.Context(), `select error::json->>'code' from tasks where job_id = $1`, id[:]).
		Scan(&code); err != nil ||
		code != string(state.CodeUnknownTaskType) {
		t.Errorf("the task failed with %s, %v", code, err)
	}

	var tries int
	if err := e.Pool().
		QueryRow(t.Context(), `select count(*) from attempts`).
		Scan(&tries); err != nil ||
		tries != 1 {
		t.Errorf("%d attempts are recorded, want only the one that failed; %v", tries, err)
	}
}

// TestAMessageOfANewerKindWaitsForItsBuild writes a message as only a newer
// build can. This build parks it, never drops it and never fails its job.
func TestAMessageOfANewerKindWaitsForItsBuild(t *testing.T) {
	t.Parallel()

	e := enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All, Dispatch: enginetest.Queue})
	id := e.Submit("hello_world", `{"n":1}`)
	e.Wait(id).MustBe(t, state.JobCompleted)

	exec(t, e, `alter table messages drop constraint messages_kind_check`)
	exec(t, e, `insert into messages (job_id, queue, kind) values ($1, 1, 77)`, id[:])

	parked := func() bool {
		var n int

		err := e.Pool().
			QueryRow(t.Context(), `select count(*) from messages
			where parked_for = 'messages of kind-77' and worker_id is null and due_at > now() + interval '1 second'`).
			Scan(&n)

		return err == nil && n == 1
	}
	until(t, "the message is parked", parked)

	exec(t, e, `update messages set parked_since = now() - interval '2 hours', due_at = now()`)
	until(t, "the message is parked after the time limit too", parked)
	e.Wait(id).MustBe(t, state.JobCompleted)
	sweep(t, e)

	if !parked() {
		t.Error("a sweep changed the message")
	}
}
