package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// TestAnotherProcessTakesOverOrphanedWork disconnects a process from the
// database while it runs tasks. It reconnects the process after another one has
// completed them.
func TestAnotherProcessTakesOverOrphanedWork(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestAnotherProcessTakesOverOrphanedWork) {
		return
	}

	var (
		cut   atomic.Bool
		begun sync.WaitGroup
	)

	const n = 48
	begun.Add(n)

	resume := make(chan struct{})
	fn := func(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
		if t.Stage == "many" && t.Attempt == 1 && t.Total == n {
			begun.Done()
			<-resume
		}

		return workOut{Value: 1000*t.Attempt + in.Value}, nil
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"lost": jobOf(
			define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 2},
			define.Stage[params]{Name: "next", Tasks: follow()},
		)},
		Handlers: handlersOf(fn), Config: shortLease, Processes: 2, InFlight: 16,
		FaultOf: func(process int) repo.Fault {
			return func(string) error {
				if process == 1 && cut.Load() {
					return errConnectionLost
				}

				return nil
			}
		},
	})
	id := e.Submit("lost", fmt.Sprintf(`{"n":%d}`, n))

	begun.Wait()
	cut.Store(true)
	e.Process(1).StopReceiving()
	close(resume)

	job := e.Wait(id).MustBe(t, state.JobCompleted)
	job.Stage(t, "many").MustHave(t, n, 0)
	job.Stage(t, "next").MustHave(t, n, 0)

	again := query(t, e, `select count(*) from attempts where outcome = 'lost' and attempt = 1 and not final`)
	if again == 0 || again >= n {
		t.Errorf("%d of %d tasks were lost", again, n)
	}

	mustCount(t, e, again,
		`select count(*) from tasks where stage = 0 and attempt = 2 and losses = 1 and failures = 0
		and convert_from(result, 'UTF8')::json->>'value' like '2%'`,
	)
	mustCount(t, e, n, `select count(*) from tasks where stage = 1 and attempt = 1`)
	cut.Store(false)
	until(t, "the process has a new lease", func() bool {
		return e.Process(1).Machine.Ready() &&
			query(t, e, `select count(*) from workers where lease_until > now()`) == 2
	})
	e.Run("lost", `{"n":3,"seed":1}`).MustBe(t, state.JobCompleted)
}

// TestSuspendedProcessWritesNothingAfterItResumes suspends a process inside a
// completion, before its first statement or before its COMMIT, until another
// process has completed the task.
func TestSuspendedProcessWritesNothingAfterItResumes(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestSuspendedProcessWritesNothingAfterItResumes) {
		return
	}

	for _, point := range []string{"complete", "commit"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)

			r, err := repo.Open(t.Context(), repo.Config{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()

			submitter := coremachine.New(
				coremachine.Config{Jobs: pidJob(), Handlers: handlersOf(pid), Store: r},
			)
			if err := enginetest.LogStatusChanges(t.Context(), r.Pool()); err != nil {
				t.Fatal(err)
			}

			submitted, err := submitter.Submit(t.Context(), coremachine.SubmitRequest{Type: "pid"})
			if err != nil {
				t.Fatal(err)
			}

			child, lines := worker(t, url, childPoint+"="+point)
			await(t, lines, "stopping")
			e := enginetest.Start(
				t,
				enginetest.Options{Jobs: pidJob(), Handlers: handlersOf(pid), Config: shortLease, URL: url},
			)

			job := e.Wait(submitted.JobID).MustBe(t, state.JobCompleted)
			if err := child.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}

			await(t, lines, "resumed")

			var out workOut
			if err := json.Unmarshal(e.Results(job.ID, "only")[0], &out); err != nil ||
				out.Value != os.Getpid() {
				t.Errorf("the result is %d, want the one of this process, %d; %v", out.Value, os.Getpid(), err)
			}

			mustCount(t, e, 1, `select count(*) from tasks where attempt = 2 and losses = 1`)
			mustCount(t, e, 1, `select count(*) from status_log where record = 'task' and now = 'completed'`)
			mustCount(t, e, 1, `select count(*) from attempts where outcome = 'lost'`)
			e.MustSatisfyInvariants()
		})
	}
}
