package coremachine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestOpenJobLimitHoldsForConcurrentSubmits submits many jobs concurrently to
// two processes with a low limit.
func TestOpenJobLimitHoldsForConcurrentSubmits(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestOpenJobLimitHoldsForConcurrentSubmits) {
		return
	}

	const limit, submits = 3, 60

	gate := make(chan struct{})
	held := func(ctx context.Context, _ handlers.Task, in workIn) (workOut, error) {
		select {
		case <-gate:
			return workOut(in), nil
		case <-ctx.Done():
			return workOut{}, ctx.Err()
		}
	}
	e := start(t, enginetest.Options{
		Jobs:     map[string]define.Job{"held": jobOf(define.Stage[params]{Name: "only", Tasks: single()})},
		Handlers: handlersOf(held), Processes: 2,
		Config: func(c *coremachine.Config) { c.MaxQueued = limit },
	})
	submit := func(process, seed int, rerun bool) (coremachine.SubmitResult, error) {
		body := []byte(fmt.Sprintf(`{"seed":%d}`, seed))

		return e.Process(process).Machine.Submit(
			t.Context(),
			coremachine.SubmitRequest{Type: "held", Body: body, Rerun: rerun},
		)
	}

	var accepted, refused atomic.Int64

	first := -1

	var (
		once sync.Once
		all  sync.WaitGroup
	)

	for i := range submits {
		all.Go(func() {
			switch _, err := submit(i%2, i, false); state.CodeOf(err) {
			case state.CodeBusy:
				refused.Add(1)
			default:
				if err != nil {
					t.Errorf("submit: %v", err)
					return
				}

				accepted.Add(1)
				once.Do(func() { first = i })
			}
		})
	}

	all.Wait()

	if accepted.Load() != limit || refused.Load() != submits-limit {
		t.Errorf(
			"%d submits were accepted and %d rejected, want %d and %d",
			accepted.Load(),
			refused.Load(),
			limit,
			submits-limit,
		)
	}

	mustCount(t, e, limit, `select count(*) from jobs where finished_at is null`)

	if res, err := submit(1, first, false); err != nil || res.Created {
		t.Errorf("a submit of an open job: %+v, %v", res, err)
	}

	mustCount(t, e, limit, `select count(*) from jobs`)

	close(gate)

	id := state.NewJobID("held", []byte(fmt.Sprintf(`{"n":1,"seed":%d,"skip":false}`, first)))
	e.Wait(id).MustBe(t, state.JobCompleted)

	if res, err := submit(0, first, true); err != nil || !res.Started {
		t.Errorf("a rerun below the limit: %+v, %v", res, err)
	}

	e.Wait(id).MustBe(t, state.JobCompleted)
}
