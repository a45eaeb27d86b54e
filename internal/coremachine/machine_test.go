package coremachine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// overWindow counts stages that have more tasks in flight than their window
// allows. A bundle larger than the window is dispatched whole.
const overWindow = `
	select count(*) from stages
	where dispatched - completed - failed - cancelled > greatest(task_window, bundle)`

// TestInvariantsHoldAfterEveryCommit checks all invariants after each
// transaction of the engine, while other transactions continue.
func TestInvariantsHoldAfterEveryCommit(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestInvariantsHoldAfterEveryCommit) {
		return
	}

	url := pgtest.URL(t)

	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(pool.Close)

	var (
		checks atomic.Int64
		once   sync.Once
	)

	check := func(point string) error {
		if point != "committed" {
			return nil
		}

		checks.Add(1)

		found, err := enginetest.InvariantViolations(context.Background(), pool)

		var over int

		err = errors.Join(err, pool.QueryRow(context.Background(), overWindow).Scan(&over))
		if err != nil || len(found) > 0 || over > 0 {
			once.Do(
				func() { t.Errorf("after a commit: %q; %d stages exceed their window; %v", found, over, err) },
			)
		}

		return nil
	}

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"shapes": manyShapes(),
		},
		Handlers:  handlersOf(moody, handlers.Base(time.Millisecond)),
		Processes: 2,
		URL:       url,
		Fault:     check,
	})
	for seed := range 2 {
		e.Run("shapes", fmt.Sprintf(`{"n":100,"seed":%d}`, seed)).MustBe(t, state.JobCompletedWithErrors)
	}

	rerun(t, e, "shapes", `{"n":100,"seed":0}`)

	id := e.Submit("shapes", `{"n":100,"seed":0}`)
	if err := e.Process(0).Machine.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	e.Wait(id)

	if n := checks.Load(); n < 50 {
		t.Errorf("checked only %d times", n)
	}
}

// TestInterruptedPlanResumes interrupts a plan between two chunks. The process
// that resumes it writes exactly the missing tasks.
func TestInterruptedPlanResumes(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestInterruptedPlanResumes) {
		return
	}

	const n = 25_000

	var chunks atomic.Int64

	plan := func(_ params, _ int, _ workOut) iter.Seq[workIn] {
		return func(yield func(workIn) bool) {
			for i := range n {
				if !yield(workIn{Value: i}) {
					return
				}
			}
		}
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"chunks": jobOf(
			define.Stage[params]{Name: "list", Tasks: single()},
			define.Stage[params]{Name: "many", Tasks: define.FanOut(work, define.From("list", work), plan)},
		)},
		Handlers: handlersOf(echo), Processes: 2,
		Fault: func(point string) error {
			if point == "plan_inputs" && chunks.Add(1) == 2 {
				return errDefect
			}

			return nil
		},
	})
	job := e.Run("chunks", `{}`).MustBe(t, state.JobCompleted)
	job.Stage(t, "many").MustHave(t, n, 0)
	results := e.Results(job.ID, "many")

	for i := range n {
		var out workOut
		if err := json.Unmarshal(results[i], &out); err != nil || out.Value != i {
			t.Fatalf("task %d has the input of %d; %v", i, out.Value, err)
		}
	}
}

// TestMessagesOfEarlierGenerationsRunNothing leaves a message of an earlier
// generation behind, which no transaction of the engine does.
func TestMessagesOfEarlierGenerationsRunNothing(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestMessagesOfEarlierGenerationsRunNothing) {
		return
	}

	var earlier atomic.Int64

	resume := make(chan struct{})
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"one": jobOf(define.Stage[params]{Name: "only", Tasks: single()})},
		Handlers: handlersOf(func(ctx context.Context, t handlers.Task, in workIn) (workOut, error) {
			if t.Gen == 1 {
				earlier.Add(1)
				return workOut(in), nil
			}

			select {
			case <-resume:
			case <-ctx.Done():
			}

			return workOut(in), nil
		}),
	})
	id := e.Run("one", `{}`).ID
	rerun(t, e, "one", `{}`)
	exec(t, e, `insert into messages (job_id, queue, kind, stage, gen) select job_id, 2, 2, 0, 1 from jobs`)
	e.Process(0).Queue.Wake(state.QueueTasks)
	until(
		t,
		"the old message is gone",
		func() bool { return query(t, e, `select count(*) from messages where gen = 1`) == 0 },
	)

	if n := earlier.Load(); n != 1 {
		t.Errorf("the handler ran %d times for the first run, want 1", n)
	}

	close(resume)
	e.Wait(id).MustBe(t, state.JobCompleted)
}
