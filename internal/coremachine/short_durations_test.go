package coremachine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/jobs/define"
	"coremachine/internal/test/enginetest"
)

// TestDurationsReachProcessesThatRunNoTasks submits through an engine that
// receives nothing, like a process that only serves the API. At first each task
// gets a message of its own. After another process has shared that the tasks
// are short, they share one message.
func TestDurationsReachProcessesThatRunNoTasks(t *testing.T) {
	t.Parallel()

	jobs := map[string]define.Job{"many": jobOf(define.Stage[params]{Name: "all", Tasks: dynamic()})}
	e := start(
		t,
		enginetest.Options{Jobs: jobs, Handlers: handlersOf(echo), Processes: 2, Dispatch: enginetest.Queue},
	)
	e.Process(1).StopReceiving()

	submit := func(seed int) (bundle int) {
		t.Helper()

		res, err := e.Process(1).Machine.Submit(
			t.Context(),
			coremachine.SubmitRequest{Type: "many", Body: fmt.Appendf(nil, `{"n":60,"seed":%d}`, seed)},
		)
		if err != nil {
			t.Fatal(err)
		}

		return query(t, e, `select bundle from stages where job_id = $1`, res.JobID[:])
	}
	if bundle := submit(0); bundle != 1 {
		t.Fatalf("%d tasks per message of a type that never ran", bundle)
	}

	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	for seed := 1; submit(seed) < 15; seed++ { // a quarter of the stage
		select {
		case <-tick.C:
		case <-limit.Done():
			t.Fatal("the submitting process did not learn the durations of tasks")
		}
	}

	mustCount(t, e, 1, `select count(*) from task_durations where task_type = 'work'`)
}
