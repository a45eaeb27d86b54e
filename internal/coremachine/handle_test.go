package coremachine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// errDefect is an error that retries are not expected to fix.
var errDefect = errors.New("a statement that cannot work")

// often makes a share of the calls at the named fault point fail, or of the
// calls at any point if name is empty.
func often(share float64, name string, failing error) func(string) error {
	return func(point string) error {
		if (name == "" || point == name) && rand.Float64() < share {
			return failing
		}

		return nil
	}
}

// manyShapes is a job with every way to plan a stage: immediately, in chunks by
// a message, from results, and after failures.
func manyShapes() define.Job {
	return tolerant(
		define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 8, Window: 40},
		define.Stage[params]{Name: "second", Tasks: follow(), Bundle: 3, Window: 30},
		define.Stage[params]{
			Name:      "skipped",
			Tasks:     single(),
			DependsOn: define.None,
			SkipIf:    func(params) bool { return true },
		},
		define.Stage[params]{
			Name:      "spread",
			Tasks:     spread("first"),
			DependsOn: []string{"first", "skipped"},
			Bundle:    16,
		},
		define.Stage[params]{Name: "sum", Tasks: fanIn(), DependsOn: []string{"second", "spread"}},
	)
}

// moody fails one task in five permanently, and one in five once.
func moody(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
	switch {
	case t.Stage == "first" && t.Index%5 == 2:
		return workOut{}, handlers.Permanent(errors.New("permanent"))
	case t.Index%5 == 3 && t.Failures == 0:
		return workOut{}, errors.New("once")
	}

	return workOut{Value: in.Value % 4}, nil
}

// TestLostAnswersNeitherLoseNorDuplicateWork breaks connections after the
// server has committed, and before it received the statement, repeatedly and at
// every statement of the engine.
func TestLostAnswersNeitherLoseNorDuplicateWork(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestLostAnswersNeitherLoseNorDuplicateWork) {
		return
	}

	for name, fault := range map[string]func(string) error{
		"AfterCommit":      often(0.3, "committed", errConnectionLost),
		"BeforeCommit":     often(0.3, "commit", errConnectionLost),
		"AnyStatement":     often(0.1, "", errConnectionLost),
		"AtComplete":       often(0.5, "complete", errConnectionLost),
		"AtEndStages":      often(0.5, "end_stages", errConnectionLost),
		"AtPlanEnd":        often(0.5, "plan_end", errConnectionLost),
		"DefectAtComplete": often(0.1, "complete", errDefect),
		"DefectInPlan":     often(0.3, "plan_computed", errDefect),
		"DefectAnywhere":   often(0.02, "", errDefect),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t, enginetest.Options{
				Jobs: map[string]define.Job{
					"shapes": manyShapes(),
				},
				Handlers:  handlersOf(moody, handlers.Base(time.Millisecond)),
				Processes: 2,
				Fault:     fault,
				Config:    func(c *coremachine.Config) { c.Renew = 500 * time.Millisecond },
			})

			for seed := range 2 {
				body := fmt.Sprintf(`{"n":100,"seed":%d}`, seed)
				id := submitUntil(t, e, coremachine.SubmitRequest{Type: "shapes", Body: []byte(body)})
				job := e.Wait(id).MustBe(t, state.JobCompletedWithErrors)
				job.Stage(t, "first").MustHave(t, 80, 20)

				if s := job.Stage(t, "second").MustHave(t, 80, 0); s.Cancelled != 20 {
					t.Errorf("second: %+v", s)
				}

				job.Stage(t, "spread").MustHave(t, 120, 0)
				job.Stage(t, "sum").MustHave(t, 1, 0)
			}

			mustCount(t, e, 2*(100+100+120+1), `select count(*) from tasks`)
			mustCount(t, e, 2*20, `select count(*) from attempts where final`)
			mustCount(t, e, 2, `select count(*) from events where kind = 'job_ended'`)
		})
	}
}

// submitUntil submits like a client: it repeats the request until a response
// arrives.
func submitUntil(t *testing.T, e *enginetest.Engine, req coremachine.SubmitRequest) state.JobID {
	t.Helper()

	for {
		res, err := e.Process(0).Machine.Submit(t.Context(), req)
		if err == nil {
			return res.JobID
		}

		if !strings.Contains(err.Error(), errConnectionLost.Msg) && !errors.Is(err, errDefect) {
			t.Fatal(err)
		}
	}
}
