package coremachine_test

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// lossyParts loses some writes of parts before they reach the store, and some
// answers after the commit. The engine repeats after some of these losses, and
// the handler after the others.
type lossyParts struct{ coremachine.Store }

func (s lossyParts) EmitPart(
	ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, index, part int, data []byte,
) (state.PartFate, error) {
	lost := state.Errorf(state.CodeUnavailable, "test", "the answer is lost")
	if rand.IntN(3) == 0 {
		lost = state.Errorf(state.CodeInternal, "test", "the answer is lost permanently")
	}

	switch rand.IntN(6) {
	case 0:
		return state.PartFate{}, lost
	case 1:
		if _, err := s.Store.EmitPart(ctx, worker, h, index, part, data); err != nil {
			return state.PartFate{}, err
		}

		return state.PartFate{}, lost
	}

	return s.Store.EmitPart(ctx, worker, h, index, part, data)
}

// Tasks of type emitting emit parts from many goroutines. Tasks of type emitted
// read them.
const (
	emitting handlers.TaskType[workIn, workOut] = "emitting"
	emitted  handlers.TaskType[workIn, workOut] = "emitted"
)

// TestConcurrentEmitsPlanOneTaskPerPart emits 200 parts from eight goroutines,
// through a store that loses writes and answers, and plans a task from each
// part.
func TestConcurrentEmitsPlanOneTaskPerPart(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestConcurrentEmitsPlanOneTaskPerPart) {
		return
	}

	const goroutines, each, runs = 8, 25, 5

	emit := func(ctx context.Context, task handlers.Task, _ workIn) (workOut, error) {
		var all sync.WaitGroup
		for g := range goroutines {
			all.Go(func() {
				for i := range each {
					for ctx.Err() == nil && task.Emit(ctx, workOut{Value: g*each + i}) != nil {
						continue // the handler tries again
					}
				}
			})
		}

		all.Wait()

		return workOut{}, ctx.Err()
	}
	onePart := func(_ params, _ int, part workOut) iter.Seq[workIn] {
		return func(yield func(workIn) bool) { yield(workIn(part)) }
	}

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"emits": jobOf(
			define.Stage[params]{
				Name:  "emit",
				Tasks: define.Single(emitting, func(params) workIn { return workIn{} }),
			},
			define.Stage[params]{
				Name:  "each",
				Tasks: define.FanOut(emitted, define.FromParts[workOut]("emit"), onePart),
			},
		)},
		Handlers: map[string]handlers.Handler{
			string(emitting): handlers.Func(emit, handlers.Emits[workOut](), handlers.Attempts(1)),
			string(emitted):  handlers.Func(echo),
		},
		Config:   func(c *coremachine.Config) { c.Store = lossyParts{c.Store} },
		Dispatch: modeOf(t),
	})
	for seed := range runs {
		job := e.Run("emits", `{"seed":`+string(rune('0'+seed))+`}`).MustBe(t, state.JobCompleted)
		job.Stage(t, "each").MustHave(t, goroutines*each, 0)
	}

	mustCount(t, e, runs*goroutines*each, `select count(*) from result_parts`)
	mustCount(t, e, runs*goroutines*each, `select count(distinct (job_id, data)) from result_parts`)
	mustCount(t, e, goroutines*each-1, `select max(part) from result_parts`)
}
