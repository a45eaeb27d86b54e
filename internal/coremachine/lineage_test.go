package coremachine_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// badly is how user code ends without an answer.
var badly = map[string]func(){
	"Panic":  func() { panic("of user code") },
	"Goexit": runtime.Goexit,
}

// TestPlannerThatDoesNotReturnFailsJob has a planner, or a result function,
// panic or end its goroutine. The job fails, and the process works on.
func TestPlannerThatDoesNotReturnFailsJob(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestPlannerThatDoesNotReturnFailsJob) {
		return
	}

	for name, end := range badly {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			fanOut := define.FanOut(
				work,
				define.From("first", work),
				func(params, int, workOut) iter.Seq[workIn] {
					return func(func(workIn) bool) { end() }
				},
			)
			result := func(context.Context, params, define.Results) (any, error) {
				end()
				return workOut{}, nil
			}

			var log lockedBuffer

			e := start(t, enginetest.Options{
				Log: slog.New(slog.NewTextHandler(&log, nil)),
				Jobs: map[string]define.Job{
					"plan": jobOf(
						define.Stage[params]{Name: "first", Tasks: dynamic()},
						define.Stage[params]{Name: "second", Tasks: fanOut},
					),
					"result": define.Define(define.Definition[params]{
						Description: "a test",
						Stages:      []define.Stage[params]{{Name: "only", Tasks: dynamic()}},
						Result:      result,
					}),
					"well": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()}),
				},
				Handlers: handlersOf(echo),
			})
			for _, jobType := range []string{"plan", "result"} {
				id := e.Submit(jobType, `{"n":2}`)
				until(t, "job "+jobType+" has ended", func() bool { return e.Read(id).Status.Ended() })

				job := e.Read(id).MustBe(t, state.JobFailed)
				if job.Error == nil || job.Error.Code != state.CodePlanner {
					t.Errorf("%s: the error is %v, want the planner's", jobType, job.Error)
				}
			}

			for _, message := range []string{"planning a stage failed", "computing the result failed"} {
				if got := log.String(); !strings.Contains(got, message) {
					t.Errorf("the log does not contain %q: %s", message, got)
				}
			}

			e.Run("well", `{"n":2}`).MustBe(t, state.JobCompleted)
		})
	}
}

// panickingReads is a store whose reads for handlers panic twice.
type panickingReads struct {
	coremachine.Store
	panics atomic.Int64
}

func (s *panickingReads) Results(
	ctx context.Context,
	id state.JobID,
	of state.StageShape,
) iter.Seq2[state.StoredPart, error] {
	if s.panics.Add(1) <= 2 {
		panic("injected")
	}

	return s.Store.Results(ctx, id, of)
}

func (s *panickingReads) EmitPart(
	ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, index, part int, data []byte,
) (state.PartFate, error) {
	if s.panics.Add(1) <= 2 {
		panic("injected")
	}

	return s.Store.EmitPart(ctx, worker, h, index, part, data)
}

// TestStorePanicIsNotHandlerFailure panics in what a handler calls. No
// failure of the task is recorded, and its message comes again.
func TestStorePanicIsNotHandlerFailure(t *testing.T) {
	t.Parallel()

	for name, call := range map[string]func(context.Context, handlers.Task) error{
		"Results": func(ctx context.Context, task handlers.Task) error {
			for _, err := range handlers.Results[workOut](ctx, task, "first") {
				if err != nil {
					return fmt.Errorf("reading failed: %v", err) //nolint:errorlint // as a handler that hides the cause
				}
			}

			return nil
		},
		"Emit": func(ctx context.Context, task handlers.Task) error { return task.Emit(ctx, workOut{Value: 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			store := &panickingReads{}
			e := start(t, enginetest.Options{
				Jobs: map[string]define.Job{"reads": jobOf(
					define.Stage[params]{
						Name:  "first",
						Tasks: dynamic(),
					},
					define.Stage[params]{Name: "second", Tasks: fanIn(), UsesLineage: true},
				)},
				Handlers: handlersOf(
					func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
						if task.Stage == "first" {
							return workOut(in), nil
						}

						return workOut(in), call(ctx, task)
					},
					handlers.Emits[workOut](),
				),
				Dispatch: modeOf(t),
				Config:   func(c *coremachine.Config) { store.Store, c.Store = c.Store, store },
			})
			e.Run("reads", `{"n":2}`).MustBe(t, state.JobCompleted)

			if n := store.panics.Load(); n < 3 {
				t.Errorf("it was called %d times, want two panics and one that worked", n)
			}

			mustCount(t, e, 0, `select count(*) from attempts`)
			mustCount(t, e, 0, `select count(*) from tasks where failures > 0`)
		})
	}
}
