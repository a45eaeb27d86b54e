package e2e_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// backAfterSilence is the maximum time that work may stand still after a
// network device has lost the connections of a process.
const backAfterSilence = 20 * time.Second

// TestWorkContinuesPastDeadConnections puts a proxy between the workers and
// Postgres. In the middle of a job, the proxy loses all connections without
// closing them. If there are two workers, the second one connects directly.
func TestWorkContinuesPastDeadConnections(t *testing.T) {
	t.Parallel()

	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprintf("Workers%d", workers), func(t *testing.T) {
			t.Parallel()
			losesItsConnections(t, workers)
		})
	}
}

func losesItsConnections(t *testing.T, workers int) {
	t.Helper()

	const tasks, rounds = 24, 3

	var (
		mu             sync.Mutex
		begun, release chan struct{}
	)

	open := func() {
		mu.Lock()
		defer mu.Unlock()

		begun, release = make(chan struct{}, 100*tasks), make(chan struct{})
	}
	fn := func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
		mu.Lock()
		begun, release := begun, release
		mu.Unlock()

		if task.Stage == "many" {
			begun <- struct{}{}

			select {
			case <-release:
			case <-ctx.Done():
				return workOut{}, ctx.Err()
			}
		}

		return workOut(in), nil
	}
	o := enginetest.Options{
		Jobs: map[string]define.Job{"dead": jobOf(
			define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 1},
			define.Stage[params]{Name: "next", Tasks: follow()},
		)},
		Handlers: handlersOf(fn), Conns: 8, Dispatch: enginetest.Local,
	}
	direct := pgtest.URL(t)
	proxy, through := pgtest.NewProxy(t, direct)

	open()

	judge := start(
		t,
		enginetest.Options{
			Jobs:     o.Jobs,
			Handlers: o.Handlers,
			URL:      direct,
			InFlight: 6,
			Dispatch: enginetest.Queue,
		},
	)
	if workers == 1 {
		judge.Process(0).StopReceiving()
	}

	o.URL = through
	enginetest.Start(t, o)

	for round := range rounds {
		open()

		id := judge.Submit("dead", fmt.Sprintf(`{"n":%d,"seed":%d}`, tasks, round))
		for range tasks {
			select {
			case <-begun:
			case <-time.After(time.Minute):
				t.Fatal("the tasks do not start")
			}
		}

		close(release)
		proxy.Freeze()

		begin := time.Now()

		judge.Wait(id).MustBe(t, state.JobCompleted)

		took := time.Since(begin)
		if took > backAfterSilence {
			t.Errorf(
				"round %d: the job ended %s after the connections died, want at most %s",
				round,
				took,
				backAfterSilence,
			)
		}

		t.Logf(
			"round %d: the job ended %s after the connections died",
			round,
			took.Round(10*time.Millisecond),
		)
	}
}
