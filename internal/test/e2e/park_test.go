package e2e_test

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
			QueryRow(t.Context(), `select count(*) from messages where parked_for = 'hello_world_greeting' and worker_id is null
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
