package coremachine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// slowPages is a store that takes a while to read the results of predecessors,
// and whose processes found all tasks short.
type slowPages struct {
	coremachine.Store

	types []string
}

// Predecessors is part of coremachine.Store.
func (s *slowPages) Predecessors(ctx context.Context, ranges []state.ResultRange) ([]state.ResultPage, error) {
	clock.Sleep(ctx, 60*time.Millisecond)

	return s.Store.Predecessors(ctx, ranges)
}

// ShareDurations is part of coremachine.Store.
func (s *slowPages) ShareDurations(context.Context, map[string]time.Duration) (map[string]time.Duration, error) {
	shared := map[string]time.Duration{}
	for _, name := range s.types {
		shared[name] = 10 * time.Microsecond
	}

	return shared, nil
}

// TestShortTasksThatWaitForResultsStayShort runs short tasks that read what they
// follow, which comes slowly. Jobs of new types run until the tasks of one share
// a few goroutines: on a busy machine, tasks are not always short.
func TestShortTasksThatWaitForResultsStayShort(t *testing.T) {
	t.Parallel()

	const (
		types = 30
		tasks = 200
		few   = 4
	)

	var (
		mu            sync.Mutex
		running, most int
	)

	count := func(change int) {
		mu.Lock()
		defer mu.Unlock()

		running += change
		most = max(most, running)
	}

	follow := func(ctx context.Context, task handlers.Task, _ workIn) (workOut, error) {
		count(1)
		defer count(-1)

		return handlers.Predecessor[workOut](ctx, task)
	}

	input := func(_ params, i int) workIn { return workIn{Value: i} }
	store := &slowPages{}
	jobs, all := map[string]define.Job{}, handlersOf(echo)

	for i := range types {
		name := fmt.Sprintf("follows_%d", i)
		second := define.MatchPrevious(handlers.TaskType[workIn, workOut](name), input)

		store.types = append(store.types, name)
		all[name] = handlers.Func(follow)
		jobs[name] = jobOf(
			define.Stage[params]{Name: "first", Tasks: dynamic()},
			define.Stage[params]{Name: "second", Tasks: second, Bundle: tasks},
		)
	}

	e := start(t, enginetest.Options{
		Jobs: jobs, Handlers: all,
		Config: func(c *coremachine.Config) { store.Store, c.Store = c.Store, store },
	})

	for _, name := range store.types {
		most = 0 // no task runs

		e.Run(name, fmt.Sprintf(`{"n":%d}`, tasks)).MustBe(t, state.JobCompleted)

		if most <= few {
			return
		}
	}

	t.Errorf("%d tasks of a bundle of short ones ran concurrently, want %d", most, few)
}
