package coremachine_test

import (
	"context"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// pluggedStore blocks completions until it is unplugged, and records how many
// ends each call contained.
type pluggedStore struct {
	coremachine.Store
	plug chan struct{}

	mu    sync.Mutex
	calls []int
}

func (s *pluggedStore) Complete(
	ctx context.Context,
	local state.LocalCapacity,
	ends []state.TaskEnd,
) (state.TransitionEffects, error) {
	<-s.plug
	s.mu.Lock()
	s.calls = append(s.calls, len(ends))
	s.mu.Unlock()

	return s.Store.Complete(ctx, local, ends)
}

// poison is data that passes every check of the engine and that a trigger in
// the database rejects.
const poison = 666_666

const refusePoison = `
create function refuse() returns trigger language plpgsql as $$
begin
  raise exception 'cannot be stored' using errcode = '22P05';
end $$;
create trigger refuse before insert on tasks for each row
  when (new.result is not null and convert_from(new.result, 'UTF8') like '%666666%') execute function refuse();`

// TestPoisonedResultFailsOnlyItsTask completes 500 tasks in one transaction.
// The database rejects one of the results.
func TestPoisonedResultFailsOnlyItsTask(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestPoisonedResultFailsOnlyItsTask) {
		return
	}

	const n, bad = 500, 123

	var returned atomic.Int64

	store := &pluggedStore{plug: make(chan struct{})}
	fn := func(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
		returned.Add(1)

		if t.Index == bad && t.Failures == 0 {
			return workOut{Value: poison}, nil
		}

		return workOut(in), nil
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"poisoned": jobOf(define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 25}),
		},
		Handlers: handlersOf(fn, handlers.Base(time.Millisecond)),
		Config: func(c *coremachine.Config) {
			c.MaxRunning = 2 * n
			store.Store, c.Store = c.Store, store
		},
	})
	exec(t, e, refusePoison)
	id := e.Submit("poisoned", `{"n":500}`)

	until(t, "every handler has returned", func() bool { return returned.Load() == n })
	close(store.plug) // all ends after the first few are one batch now

	job := e.Wait(id).MustBe(t, state.JobCompleted)
	job.Stage(t, "many").MustHave(t, n, 0)
	mustCount(t, e, 1, `select count(*) from attempts`)
	mustCount(t, e, 1,
		`select count(*) from attempts
		where index = $1 and outcome = 'invalid' and not final and error like 'the database rejected%'`,
		bad,
	)
	mustCount(t, e, n-1,
		`select count(*) from tasks where status = 'completed' and attempt = 1 and failures = 0`,
	)
	mustCount(t, e, 1,
		`select count(*) from tasks where index = $1 and status = 'completed' and attempt = 2 and failures = 1`,
		bad,
	)

	largest := 0
	for _, ends := range store.calls {
		largest = max(largest, ends)
	}

	if largest < 200 || len(store.calls) > 40 {
		t.Errorf(
			"the largest of %d batches had %d results: the poisoned result shared its batch with too few others",
			len(store.calls),
			largest,
		)
	}
}

// freeOut is a result of any type.
type freeOut struct {
	Number float64 `json:"number"`
	Text   string  `json:"text"`
}

const loose handlers.TaskType[workIn, freeOut] = "loose"

// TestUnstorableResultsFailOnlyTheirAttempts checks that a result that cannot
// be stored fails the attempt of its own task only.
func TestUnstorableResultsFailOnlyTheirAttempts(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestUnstorableResultsFailOnlyTheirAttempts) {
		return
	}

	fn := func(_ context.Context, t handlers.Task, _ workIn) (freeOut, error) {
		switch {
		case t.Failures > 0:
		case t.Index == 3:
			return freeOut{Number: math.Inf(1)}, nil
		case t.Index == 5:
			return freeOut{Text: "\xff"}, nil
		case t.Index == 7:
			return freeOut{Text: "a\x00b"}, nil
		case t.Index == 9:
			return freeOut{Text: strings.Repeat("x", state.MaxResult)}, nil
		case t.Index == 11:
			panic("a defect of the handler")
		}

		return freeOut{Text: `an escaped \u0000 in a text`}, nil
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"loose": jobOf(define.Stage[params]{
			Name:   "many",
			Bundle: 16,
			Tasks:  define.Dynamic(loose, "n", func(_ params, i int) workIn { return workIn{Value: i} }),
		})},
		Handlers: map[string]handlers.Handler{
			string(loose): handlers.Func(fn, handlers.Base(time.Millisecond)),
		},
	})
	job := e.Run("loose", `{"n":64}`).MustBe(t, state.JobCompleted)
	job.Stage(t, "many").MustHave(t, 64, 0)
	mustCount(t, e, 5, `select count(*) from attempts where not final and attempt = 1`)

	for index, outcome := range map[int]state.Outcome{
		3: state.OutcomeInvalid, 5: state.OutcomeInvalid, 7: state.OutcomeInvalid,
		9: state.OutcomeTooLarge, 11: state.OutcomePanic,
	} {
		mustCount(t, e, 1,
			`select count(*) from attempts where index = $1 and outcome = $2`,
			index,
			string(outcome),
		)
	}
}
