package coremachine_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestHandlerGoexitFailsItsAttempt covers both ways of running tasks: each in
// its own goroutine and, once the engine knows that they are short, several in
// one goroutine after each other.
func TestHandlerGoexitFailsItsAttempt(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestHandlerGoexitFailsItsAttempt) {
		return
	}

	const tasks = 64

	fn := func(_ context.Context, task handlers.Task, in workIn) (workOut, error) {
		if in.Value%8 == 3 && task.Failures == 0 {
			runtime.Goexit()
		}

		return workOut(in), nil
	}
	many := define.Dynamic(work, "n", func(p params, i int) workIn { return workIn{Value: p.Seed + i} })

	e := start(t, enginetest.Options{
		Jobs:     map[string]define.Job{"exits": jobOf(define.Stage[params]{Name: "many", Tasks: many})},
		Handlers: handlersOf(fn, handlers.Timeout(20*time.Second), handlers.Base(time.Millisecond)),
		Dispatch: modeOf(t),
	})
	for seed := range 4 { // from the second job on, the engine knows that the tasks are short
		job := e.Run("exits", fmt.Sprintf(`{"n":%d,"seed":%d}`, tasks, seed*tasks)).
			MustBe(t, state.JobCompleted)
		job.Stage(t, "many").MustHave(t, tasks, 0)
	}

	mustCount(t, e, 4*tasks/8,
		`select count(*) from attempts where outcome = 'error' and error like '%runtime.Goexit%'`,
	)
	mustCount(t, e, 4*tasks/8, `select count(*) from attempts`)

	if n := e.Process(0).Machine.Running(); n != 0 {
		t.Errorf("%d handlers run after all jobs have ended", n)
	}
}

// TestFailureKeepsFullHandlerError reads what failed attempts stored.
func TestFailureKeepsFullHandlerError(t *testing.T) {
	t.Parallel()

	fails := []error{
		fmt.Errorf("reading tile 17: %w", handlers.Permanent(errors.New("it is truncated"))),
		errors.Join(errors.New("left half"), handlers.Permanent(errors.New("right half"))),
		fmt.Errorf("reading tile 18: %w", handlers.RetryAfter(0, errors.New("the service is busy"))),
	}
	fn := func(_ context.Context, _ handlers.Task, in workIn) (workOut, error) {
		if in.Value < len(fails) {
			return workOut{}, fails[in.Value]
		}

		none := make([]int, 0, in.Value)

		return workOut{Value: none[in.Value]}, nil
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"fails": tolerant(define.Stage[params]{Name: "many", Tasks: dynamic()}),
		},
		Handlers: handlersOf(fn, handlers.Attempts(1)),
		Dispatch: modeOf(t),
	})
	job := e.Run("fails", `{"n":5}`).MustBe(t, state.JobCompletedWithErrors)

	for index, want := range []string{
		`^reading tile 17: it is truncated$`,
		`^left half\nright half$`,
		`^reading tile 18: the service is busy$`,
		`^the handler panicked at internal/coremachine/failure_test\.go:\d+: runtime error: index out of ` +
			`range \[3\] with length 0$`,
		`^the handler panicked at internal/coremachine/failure_test\.go:\d+: runtime error: index out of ` +
			`range \[4\] with length 0$`,
	} {
		task, err := e.Process(0).Repo.ReadTask(t.Context(), job.ID, "many", index)
		if err != nil || len(task.Attempts) != 1 {
			t.Fatalf("task %d has %d attempts: %v", index, len(task.Attempts), err)
		}

		if !regexp.MustCompile(want).MatchString(task.Error) || task.Attempts[0].Error != task.Error {
			t.Errorf(
				"task %d has the error %q and its attempt %q, want %q",
				index,
				task.Error,
				task.Attempts[0].Error,
				want,
			)
		}

		stack := task.Attempts[0].Stack
		if (task.Code == state.CodePanic) != strings.Contains(stack, "internal/coremachine/failure_test.go:") {
			t.Errorf("task %d, %s, has the stack %q", index, task.Code, stack)
		}

		if strings.Contains(stack, "\t/") {
			t.Errorf("task %d: the stack names a path of this machine: %s", index, stack)
		}
	}

	mustCount(t, e, 4, `select count(distinct fingerprint) from attempts`) // both panics are of one kind
}
