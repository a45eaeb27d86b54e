package coremachine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// values adds up the results of earlier stages as a handler reads them.
func values(ctx context.Context, t handlers.Task, stages ...string) (sum int, err error) {
	for _, stage := range stages {
		for out, err := range handlers.Results[workOut](ctx, t, stage) {
			if err != nil {
				return 0, err
			}

			sum += out.Value
		}
	}

	return sum, nil
}

func skipped(p params) bool { return p.Skip }

// TestStagesWithoutTasks runs jobs with stages that are skipped or have no
// tasks, and checks the stages after them.
func TestStagesWithoutTasks(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestStagesWithoutTasks) {
		return
	}

	fn := func(ctx context.Context, t handlers.Task, in workIn) (workOut, error) {
		if t.Stage == "sum" {
			sum, err := values(ctx, t, "list", "spread")
			return workOut{Value: sum}, err
		}

		return workOut(in), nil
	}
	stages := []define.Stage[params]{
		{Name: "list", Tasks: dynamic(), SkipIf: skipped},
		{Name: "spread", Tasks: spread("list")},
		{Name: "after", Tasks: follow()},
		{Name: "sum", Tasks: fanIn(), DependsOn: []string{"list", "spread"}},
	}

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"chain": jobOf(stages...),
			"no_tasks": jobOf(
				define.Stage[params]{Name: "none", Tasks: dynamic()},
				define.Stage[params]{Name: "skipped", Tasks: fanIn(), SkipIf: skipped},
			),
		},
		Handlers: handlersOf(fn), Processes: 2,
	})
	for _, c := range []struct {
		body       string
		list       state.StageStatus
		sum, tasks int
	}{
		{`{"n":3}`, state.StageCompleted, 0 + 1 + 2 + (0 + 0 + 1), 3 + 3 + 3 + 1},
		{`{"n":1}`, state.StageCompleted, 0, 1 + 0 + 0 + 1}, // its only result plans nothing
		{`{"n":0}`, state.StageCompleted, 0, 1},
		{`{"n":3,"skip":true}`, state.StageSkipped, 0, 1},
	} {
		job := e.Run("chain", c.body).MustBe(t, state.JobCompleted)
		if s := job.Stage(t, "list"); s.Status != c.list {
			t.Errorf("%s: list is %s, want %s", c.body, s.Status, c.list)
		}

		if s := job.Stage(t, "after"); s.Status != state.StageCompleted ||
			s.Total != job.Stage(t, "spread").Total {
			t.Errorf("%s: the successor of spread is %+v", c.body, s)
		}

		var out workOut
		if err := json.Unmarshal(e.Results(job.ID, "sum")[0], &out); err != nil || out.Value != c.sum {
			t.Errorf("%s: the sum is %d, want %d; %v", c.body, out.Value, c.sum, err)
		}

		mustCount(t, e, c.tasks, `select count(*) from tasks where job_id = $1`, job.ID[:])
	}

	for _, body := range []string{`{"n":0,"skip":true}`, `{"n":0}`} {
		job := e.Run("no_tasks", body).MustBe(t, state.JobCompleted)
		if got := job.Stage(t, "none").Status; got != state.StageCompleted {
			t.Errorf("%s: a stage of no tasks is %s", body, got)
		}
	}
}

// TestJobOfSkippedStagesEndsImmediately runs a job in which every stage is
// skipped.
func TestJobOfSkippedStagesEndsImmediately(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestJobOfSkippedStagesEndsImmediately) {
		return
	}

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"nothing": jobOf(
			define.Stage[params]{Name: "a", Tasks: single(), SkipIf: skipped},
			define.Stage[params]{Name: "b", Tasks: follow(), SkipIf: skipped},
			define.Stage[params]{Name: "c", Tasks: fanIn(), SkipIf: skipped, DependsOn: []string{"a", "b"}},
		)},
		Handlers: handlersOf(echo),
	})

	job := e.Run("nothing", `{"skip":true}`).MustBe(t, state.JobCompleted)
	for _, s := range job.Stages {
		if s.Status != state.StageSkipped || s.Total != 0 {
			t.Errorf("stage %s is %s with %d tasks", s.Name, s.Status, s.Total)
		}
	}
}

// TestSuccessorsOfFailedTasksAreCancelled runs a job that tolerates failures.
// The successors of failed tasks are recorded as cancelled, the others keep the
// index of their predecessor, and a fan_out is planned from the results that
// exist.
func TestSuccessorsOfFailedTasksAreCancelled(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestSuccessorsOfFailedTasksAreCancelled) {
		return
	}

	fn := func(ctx context.Context, t handlers.Task, in workIn) (workOut, error) {
		switch {
		case t.Stage == "first" && t.Index%3 == 1:
			return workOut{}, handlers.Permanent(errors.New("every third task fails"))
		case t.Stage == "second" && t.Index == 6:
			return workOut{}, errors.New("fails until its attempts are used up")
		case t.Stage == "second" || t.Stage == "third":
			prev, err := handlers.Predecessor[workOut](ctx, t)
			return workOut{Value: 10 + prev.Value}, err
		case t.Stage == "sum":
			sum, err := values(ctx, t, "third", "spread")
			return workOut{Value: sum}, err
		}

		return workOut(in), nil
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"on": tolerant(
			define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 4},
			define.Stage[params]{Name: "second", Tasks: follow(), Bundle: 2},
			define.Stage[params]{Name: "third", Tasks: follow(), Window: 3, Bundle: 1},
			define.Stage[params]{Name: "spread", Tasks: spread("first"), DependsOn: []string{"first"}},
			define.Stage[params]{Name: "sum", Tasks: fanIn(), DependsOn: []string{"third", "spread"}},
		)},
		Handlers: handlersOf(fn, handlers.Attempts(2), handlers.Base(time.Millisecond)), Processes: 2,
	})
	job := e.Run("on", `{"n":10}`).MustBe(t, state.JobCompletedWithErrors)
	job.Stage(t, "first").MustHave(t, 7, 3)

	if s := job.Stage(t, "second").MustHave(t, 6, 1); s.Cancelled != 3 || s.Status != state.StageCompleted {
		t.Errorf("second: %+v", s)
	}

	if s := job.Stage(t, "third").MustHave(t, 6, 0); s.Cancelled != 4 || s.Total != 10 {
		t.Errorf("third: %+v", s)
	}

	mustCount(t, e, 3,
		`select count(*) from tasks
		where stage = 1 and status = 'cancelled' and index % 3 = 1
		  and error::json->>'code' = 'predecessor_failed'`,
	)
	mustCount(t, e, 4,
		`select count(*) from tasks
		where stage = 2 and status = 'cancelled' and (index % 3 = 1 or index = 6)
		  and error::json->>'code' = 'predecessor_failed'`,
	)

	third, sum := e.Results(job.ID, "third"), 0
	for _, i := range []int{0, 2, 3, 5, 8, 9} {
		sum += 20 + i
		if got, want := string(third[i]), fmt.Sprintf(`{"value":%d}`, 20+i); got != want {
			t.Errorf("task %d of third: %s, want %s", i, got, want)
		}
	}

	for _, planned := range []int{0, 2, 3, 5, 6, 8, 9} { // each plans 0..planned-1
		sum += planned * (planned - 1) / 2
	}

	if got, want := string(e.Results(job.ID, "sum")[0]), fmt.Sprintf(`{"value":%d}`, sum); got != want {
		t.Errorf("the sum is %s, want %s", got, want)
	}
}
