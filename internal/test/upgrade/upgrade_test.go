package upgrade

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

var transports = []string{"postgres", "servicebus"}

// TestJobsCompleteOnTwoBuilds runs both builds on one database. Jobs that either
// of them accepts complete, and the other one reads their results. The test
// submits jobs until both builds have run tasks.
func TestJobsCompleteOnTwoBuilds(t *testing.T) {
	t.Parallel()

	old, now, ok := handlers(t)
	if !ok {
		return
	}

	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, transport)
			builds := []*process{w.start(t, old), w.start(t, now)}

			for round, limit := 0, time.Now().Add(patience); ; round++ {
				for i, p := range builds {
					id := p.submit(params("together", 2*round+i, 0.2))
					builds[1-i].mustComplete(id, tasks)
				}

				if w.count(t, `select count(distinct worker_id) from attempts`) == len(builds) {
					break
				}

				if t.Failed() || time.Now().After(limit) {
					t.Fatalf("after %d jobs, only one build has run tasks", 2*(round+1))
				}
			}

			http.DefaultClient.CloseIdleConnections()

			for _, p := range builds {
				p.stop()
			}
		})
	}
}

// TestEachBuildFinishesWhatTheOtherHasBegun replaces the build in the middle of
// the first stage, as an upgrade does, and as its rollback does.
func TestEachBuildFinishesWhatTheOtherHasBegun(t *testing.T) {
	t.Parallel()

	old, now, ok := handlers(t)
	if !ok {
		return
	}

	for direction, paths := range map[string][2]string{"upgrade": {old, now}, "rollback": {now, old}} {
		for _, transport := range transports {
			t.Run(direction+"/"+transport, func(t *testing.T) {
				t.Parallel()

				w := newWorld(t, transport)
				first := w.start(t, paths[0])
				// The first stage lasts several seconds, because one of its tasks
				// fails six times or more. None fails more often than its policy
				// allows.
				id := first.submit(params("halfway", 0, 0.5))

				await(t, func() bool {
					return w.count(t, `select count(*) from tasks where status = 'completed'`) > 0
				})
				http.DefaultClient.CloseIdleConnections()
				first.stop()

				if w.count(t, `select count(*) from jobs where status = 'running'`) != 1 {
					t.Fatal("the job ended before its build was stopped")
				}

				second := w.start(t, paths[1])
				second.mustComplete(id, tasks)

				if w.count(t, `select count(distinct worker_id) from attempts`) != 2 {
					t.Error("only one build has run tasks")
				}

				http.DefaultClient.CloseIdleConnections()
				second.stop()
			})
		}
	}
}

// tasks is the number of tasks in each stage.
const tasks = 60

// params returns the parameters of a job in which a share of the attempts fail.
// Which ones do depends on the parameters only.
func params(message string, i int, failures float64) string {
	return fmt.Sprintf(`{"n":%d,"message":"%s %d","failure_rate":%g}`, tasks, message, i, failures)
}

func await(t *testing.T, reached func() bool) {
	t.Helper()

	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()

	for limit := time.Now().Add(patience); !reached(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatal("the awaited state was not reached")
		}
	}
}
