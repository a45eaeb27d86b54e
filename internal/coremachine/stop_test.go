package coremachine_test

import (
	"context"
	"sync/atomic"
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestStopGivesUpIfItsMessageIsClaimedElsewhere has another worker claim the
// message of a stop that continues: while a task of the job is queued, and while
// a handler does not respond. The stop can end nothing any more, and must not
// ask the database forever. The next claim ends the job.
func TestStopGivesUpIfItsMessageIsClaimedElsewhere(t *testing.T) {
	t.Parallel()

	for name, window := range map[string]int{"queued": 2, "held": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			var (
				claimed atomic.Pointer[func()]
				asked   atomic.Int64
			)

			started, unblock := make(chan struct{}, 2), make(chan struct{})
			defer close(unblock)

			e := start(t, enginetest.Options{
				Jobs: map[string]define.Job{"long": jobOf(
					define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 1, Window: window},
				)},
				Handlers: handlersOf(func(context.Context, handlers.Task, workIn) (workOut, error) {
					started <- struct{}{}

					<-unblock

					return workOut{}, nil
				}),
				Config:   shortGrace,
				Dispatch: enginetest.Queue,
				InFlight: 1,
				Fault: func(point string) error {
					if point != "stop_messages" {
						return nil
					}

					asked.Add(1)

					if claim := claimed.Swap(nil); claim != nil {
						(*claim)()
					}

					return nil
				},
			})
			m := e.Process(0).Machine
			id := e.Submit("long", `{"n":2}`)

			<-started

			claim := func() { exec(t, e, `update messages set attempt = attempt + 1 where kind = 4`) }
			claimed.Store(&claim)

			if err := m.Cancel(t.Context(), id, "test"); err != nil {
				t.Fatal(err)
			}

			until(t, "the stop has given up", func() bool { return asked.Load() > 0 && m.InFlight() == 0 })

			if n := asked.Load(); n > 1000 {
				t.Errorf("the stop asked %d times for work that it may not end", n)
			}

			e.Read(id).MustBe(t, state.JobRunning)
			exec(t, e, `update messages set worker_id = null, claimed_at = null, due_at = now() where kind = 4`)
			e.Process(0).Queue.Wake(state.QueueJobs)
			e.Wait(id).MustBe(t, state.JobCancelled)
		})
	}
}
