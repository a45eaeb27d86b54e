package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// recorder is a testing.TB that keeps the message with which a test fails.
type recorder struct {
	testing.TB

	text string
}

func (*recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.text = fmt.Sprintf(format, args...)

	runtime.Goexit()
}

// failure returns the message with which a check fails a test.
func failure(t *testing.T, check func(t testing.TB)) string {
	t.Helper()

	r := &recorder{TB: t}
	done := make(chan struct{})

	go func() {
		defer close(done)

		check(r)
	}()

	<-done

	return r.text
}

type (
	empty  struct{}
	params struct {
		N int `json:"n" default:"10" validate:"min=0,max=1000"`
	}
)

// TestFailuresNameTheErrorsOfTasks expects a job to complete that fails.
func TestFailuresNameTheErrorsOfTasks(t *testing.T) {
	t.Parallel()

	const work handlers.TaskType[empty, empty] = "work"

	e := enginetest.Start(t, enginetest.Options{
		Jobs: map[string]define.Job{"job": define.Define(define.Definition[params]{
			Stages: []define.Stage[params]{{
				Name: "first", Tasks: define.Dynamic(work, "n", func(params, int) empty { return empty{} }),
			}},
			Tolerance: 1,
		})},
		Handlers: map[string]handlers.Handler{
			string(work): handlers.Func(func(_ context.Context, t handlers.Task, _ empty) (empty, error) {
				if t.Index == 3 {
					return empty{}, handlers.Permanent(errors.New("the tile is broken"))
				}

				return empty{}, nil
			}),
		},
	})
	job := e.Run("job", `{}`)

	for what, got := range map[string]string{
		"MustBe":   failure(t, func(tb testing.TB) { tb.Helper(); job.MustBe(tb, state.JobCompleted) }),
		"MustHave": failure(t, func(tb testing.TB) { tb.Helper(); job.Stage(tb, "first").MustHave(tb, 10, 0) }),
	} {
		for _, want := range []string{
			"is completed_with_errors", "9 completed, 1 failed, 0 cancelled of 10",
			"task first/3, attempt 1: the tile is broken (permanent)",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is missing in %q", what, want, got)
			}
		}
	}

	right := func(tb testing.TB) { tb.Helper(); job.Stage(tb, "first").MustHave(tb, 9, 1) }
	if got := failure(t, right); got != "" {
		t.Errorf("a correct expectation failed: %s", got)
	}
}
