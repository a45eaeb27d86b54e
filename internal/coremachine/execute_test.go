package coremachine_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// keyLog records the idempotency keys that handlers are given.
type keyLog struct {
	mu   sync.Mutex
	keys []string
}

func (l *keyLog) call(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.keys = append(l.keys, t.Key)

	return workOut(in), nil
}

func (l *keyLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()

	return slices.Sorted(slices.Values(l.keys))
}

// TestIdempotencyKeysDoNotRepeatAfterDeleteAndSubmit runs a job, deletes it and
// submits it again. Generations and attempts start over, but the idempotency
// keys are different.
func TestIdempotencyKeysDoNotRepeatAfterDeleteAndSubmit(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestIdempotencyKeysDoNotRepeatAfterDeleteAndSubmit) {
		return
	}

	if enginetest.InBothModes(t, TestIdempotencyKeysDoNotRepeatAfterDeleteAndSubmit) {
		return
	}

	log := &keyLog{}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"again": jobOf(
			define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 3},
			define.Stage[params]{Name: "second", Tasks: follow()},
			define.Stage[params]{Name: "sum", Tasks: fanIn()},
		)},
		Handlers: handlersOf(log.call),
	})

	const runs, tasks = 3, 11 // of each run: 5 of first, 5 of second, 1 of sum

	var id state.JobID
	for range runs {
		id = e.Submit("again", `{"n":5}`)
		e.Wait(id).MustBe(t, state.JobCompleted)

		view, err := e.Process(0).Repo.ReadTask(t.Context(), id, "second", 4)
		if err != nil {
			t.Fatal(err)
		}

		if !slices.Contains(log.all(), view.Key) {
			t.Errorf("the task shows the key %q, which no handler received", view.Key)
		}

		if err := e.Process(0).Machine.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}

	if got := len(slices.Compact(log.all())); got != runs*tasks {
		t.Errorf("%d runs of %d tasks were given %d different keys", runs, tasks, got)
	}

	e.MustSatisfyInvariants()
}
