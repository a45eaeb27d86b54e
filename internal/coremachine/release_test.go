package coremachine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// slowHandBack waits until all tasks that ran before are recorded, and then
// splits off the rest. It loses the answer of every other call.
type slowHandBack struct {
	coremachine.Store
	t     *testing.T
	e     *enginetest.Engine
	calls atomic.Int64
}

func (s *slowHandBack) Split(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	first, rest int,
) (state.TransitionEffects, error) {
	again := s.calls.Add(1)%2 == 0
	if !again {
		until(s.t, "only the rest remains", func() bool {
			left := query(
				s.t,
				s.e,
				`select coalesce((select tasks_left from messages where job_id = $1 and message_id = $2), -1)`,
				h.JobID[:],
				h.MessageID,
			)
			// On a slow machine the process can lose its lease, and with it the
			// row.
			return left == rest || left < 0
		})
	}

	effects, err := s.Store.Split(ctx, worker, h, first, rest)
	if !again && err == nil {
		err = errConnectionLost
	}

	return effects, err
}

// TestSlowBundleReleasesOnlyQueuedTasks has tasks that are known as short
// become slow, in a process with one slot. The bundle must release its queued
// tasks but not the running one.
func TestSlowBundleReleasesOnlyQueuedTasks(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestSlowBundleReleasesOnlyQueuedTasks) {
		return
	}

	const n = 40

	var (
		slow atomic.Bool
		runs [n]atomic.Int64
	)

	fn := func(_ context.Context, _ handlers.Task, in workIn) (workOut, error) {
		if slow.Load() && runs[in.Value].Add(1) == 1 && in.Value == 0 {
			<-time.After(2500 * time.Millisecond) // longer than a bundle waits for a slot
		}

		return workOut(in), nil
	}

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"job": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: n}),
		},
		Handlers: handlersOf(fn),
		Config:   func(c *coremachine.Config) { c.MaxRunning = 1 },
	})
	for seed := range 6 {
		e.Run("job", fmt.Sprintf(`{"n":%d,"seed":%d}`, n, 1+seed)) // afterwards their duration is known
	}

	slow.Store(true)
	e.Run("job", fmt.Sprintf(`{"n":%d,"seed":9}`, n)).MustBe(t, state.JobCompleted)

	for i := range runs {
		if got := runs[i].Load(); got != 1 {
			t.Errorf("task %d ran %d times, want once", i, got)
		}
	}
}
