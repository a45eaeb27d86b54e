package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	httpapi "coremachine/internal/api"
	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/view"
)

// stuck is a job that tests can end as they need: task 0 fails permanently, and
// task 1 waits until it is stopped.
var stuck = define.Define(define.Definition[stuckParams]{
	Description: "A test's job",
	Stages: []define.Stage[stuckParams]{
		{Name: "only", Tasks: define.Dynamic(stuckTask, "n", stuckInput)},
	},
	Tolerance: 1,
})

type stuckParams struct {
	N int `json:"n" default:"1" validate:"min=1,max=10"`
}

const stuckTask handlers.TaskType[struct{}, struct{}] = "stuck_task"

func stuckInput(stuckParams, int) struct{} { return struct{}{} }

func runStuck(ctx context.Context, t handlers.Task, _ struct{}) (struct{}, error) {
	if t.Index == 0 {
		t.Log.Warn("no voice was found")

		return struct{}{}, handlers.Permanent(errors.New("no voice"))
	}

	<-ctx.Done()

	return struct{}{}, ctx.Err()
}

// realAPI runs the real API and engine on a Postgres. It shows that the fake
// API of the other tests behaves like the real one.
func realAPI(t *testing.T) *api {
	t.Helper()

	allJobs, allHandlers := maps.Clone(jobs.All), maps.Clone(handlers.All)
	allJobs["stuck"], allHandlers[string(stuckTask)] = stuck, handlers.Func(runStuck)
	allJobs["nested"] = fixtures.Jobs()["nested"]
	allHandlers[string(fixtures.Number)] = fixtures.Handlers()[string(fixtures.Number)]

	var hub atomic.Pointer[httpapi.JobWatcher]

	e := enginetest.Start(t, enginetest.Options{
		Jobs: allJobs, Handlers: allHandlers, Dispatch: enginetest.Queue,
		Config: func(c *coremachine.Config) {
			c.Grace = 100 * time.Millisecond
			ended := c.JobEnded
			c.JobEnded = func(id state.JobID) {
				ended(id)

				if h := hub.Load(); h != nil {
					h.Nudge(id)
				}
			}
		},
	})
	process := e.Process(0)
	hub.Store(httpapi.NewJobWatcher(process.Repo.ReadVersions, nil))
	server := httptest.NewServer(httpapi.New(httpapi.Options{
		Engine:     process.Machine,
		Reader:     process.Repo,
		Inputs:     process.Machine,
		Dead:       process.Queue,
		JobWatcher: hub.Load(),
		Health:     httpapi.Health{Version: "test"},
	}))
	t.Cleanup(hub.Load().Close)
	t.Cleanup(server.Close)

	return &api{t: t, server: server}
}

// patient returns the environment of a run against the real API, with a time
// limit.
func patient(t *testing.T) outside {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)

	return outside{state: t.TempDir(), ctx: ctx}
}

func TestEveryCommandAgainstTheRealAPI(t *testing.T) {
	t.Parallel()
	server := realAPI(t)
	o := patient(t)
	run := func(code int, want string, args ...string) result {
		t.Helper()

		got := server.run(o, args...)
		if got.code != code || !strings.Contains(got.out+got.err, want) {
			t.Errorf("%q: got %+v, want exit %d and %q", args, got, code, want)
		}

		return got
	}
	first := run(
		exitOK,
		"job completed tasks=6 failed=0",
		"submit",
		"hello_world",
		"n=3",
		"message=Hi",
		"--watch",
	)

	id := strings.TrimSpace(first.out)
	if len(id) != fullID {
		t.Fatalf("standard output is %q, want the id alone", first.out)
	}

	nobody := strings.Repeat("0", fullID)

	run(exitOK, "already exists: completed", "submit", "hello_world", "n=3", "message=Hi", "--watch")
	run(exitOK, `"attempt":1`, "status", "@last", "-o", "json")
	run(exitOK, "stage\treply\tcompleted\tmatch_previous\t3\t3\t0", "status", id[:8])
	run(exitOK, id, "jobs", "--status", "completed", "--type", "hello_world", "--since", "1h")
	run(exitOK, "No job matches.", "jobs", "--status", "failed")
	run(exitOK, "reply\t2\tcompleted", "tasks", id, "--stage", "reply")
	run(exitOK, "4 more: add --more for the next page", "tasks", id, "--limit", "2")
	run(exitOK, "more: add --more for the next page", "tasks", id, "--limit", "3", "--more")
	run(exitOK, "reply\t2\tcompleted", "tasks", id, "--more")
	run(exitOther, "No more: the last list was complete.", "tasks", id, "--more")
	run(exitOK, "\tjob_ended\t", "events", "@last", "-f")
	run(exitOK, "hello_world\tgreeting,reply\t", "types")
	run(exitOK, "n\tinteger\t3\t1 to 1000; searchable\t", "types", "hello_world")
	run(exitOK, "swept", "sweep")
	run(exitOK, "No dead letters.", "dlq", "list")
	run(exitOK, `"queue":"long-tasks"`, "dlq", "list", "-o", "jsonl")
	run(exitOK, "No dead letters in tasks.", "dlq", "list", "tasks")
	run(exitOK, "0 messages would be sent to tasks again", "dlq", "redrive", "tasks", "--dry-run")
	run(exitOK, "hello_world", "submit", "hello_world", "n=7", "--dry-run")
	run(exitUsage, "2 invalid parameters:\n", "submit", "hello_world", "n=0", "colour=red")
	run(exitUsage, "n: ", "submit", "hello_world", "n=many")
	run(exitNotFound, "Did you mean hello_world?", "submit", "helo_world")
	run(exitNotFound, "No job ", "status", nobody)
	run(exitNotFound, "No job ", "tasks", nobody)
	run(exitWithErrors, `first failure task=0 "no voice"`, "submit", "stuck", "n=1", "--watch")
	run(exitOK, "No attempt has failed.", "failures", id)
	failures := run(exitOK, "\tno voice\n", "failures", "@last", "--stage", "only")
	fingerprint, _, _ := strings.Cut(failures.out, "\t")
	run(exitOK, "only\t0\tfailed\t", "tasks", "@last", "--error", fingerprint[:8])
	run(exitOK, "No task matches.", "tasks", "@last", "--error", "0123456789abcdef")
	run(exitNotFound, "No error of ", "tasks", id, "--error", fingerprint[:8])
	run(exitNotFound, "No job ", "failures", nobody)
	run(exitOther, "nothing to retry", "retry", id, "--yes")
	run(exitOK, "attempt 2 of ", "retry", "@last", "--yes")
	run(exitWithErrors, "job completed_with_errors", "status", "@last", "--watch")
	run(exitOther, "has already ended: completed_with_errors", "cancel", "@last", "--yes")
	run(exitOK, "deleted stuck", "delete", "@last", "--yes")
	run(exitNotFound, "No job ", "status", "@last")
}

func TestResultIsPrintedUnchanged(t *testing.T) {
	t.Parallel()
	server := realAPI(t)
	o := patient(t)
	got := server.run(o, "submit", "hello_world", "n=2", "--watch", "-o", "json")

	var job view.JobView
	if err := json.Unmarshal([]byte(got.out), &job); err != nil || job.Status != state.JobCompleted {
		t.Fatalf("got %+v, %v", got, err)
	}

	var result jobs.HelloWorldResult
	if err := json.Unmarshal(job.Result, &result); err != nil || len(result.Replies) != 2 ||
		len(result.Greetings) != 2 {
		t.Errorf("got %s, %v", job.Result, err)
	}
}

func TestCancelAgainstTheRealAPI(t *testing.T) {
	t.Parallel()
	server := realAPI(t)
	o := patient(t)
	server.run(o, "submit", "stuck", "n=2")

	got := server.run(o, "cancel", "@last", "--yes")
	if got.code != exitOK || !strings.Contains(got.err, "cancelled.") {
		t.Errorf("got %+v", got)
	}

	if got := server.run(o, "status", "@last", "--watch"); got.code != exitCancelled {
		t.Errorf("got %+v, want exit 3", got)
	}
}
