package coremachine_test

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// scratch is a job whose finally stages clean up: clean, then report. Its
// handlers do what the test says, and it records what the finally stages saw.
type scratch struct {
	work  func(ctx context.Context, t handlers.Task) error // of the stage work; nil: it completes
	clean func(ctx context.Context, t handlers.Task) error // of the stage clean

	timeout time.Duration // of an attempt; 0: longer than the test

	mu   sync.Mutex
	ran  map[string]int
	seen []handlers.JobOutcome
}

func (s *scratch) run(ctx context.Context, t handlers.Task, in workIn) (workOut, error) {
	s.mu.Lock()
	if s.ran == nil {
		s.ran = map[string]int{}
	}

	s.ran[t.Stage]++
	if t.Stage == "clean" || t.Stage == "report" {
		s.seen = append(s.seen, handlers.Outcome(t))
	}
	s.mu.Unlock()

	var err error

	switch {
	case t.Stage == "work" && s.work != nil:
		err = s.work(ctx, t)
	case t.Stage == "clean" && s.clean != nil:
		err = s.clean(ctx, t)
	}

	return workOut(in), err
}

func (s *scratch) times(stage string) int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.ran[stage]
}

func finallyStages() []define.Stage[params] {
	return []define.Stage[params]{
		{Name: "work", Tasks: dynamic(), Bundle: 1},
		{Name: "after", Tasks: fanIn()},
		{Name: "clean", Tasks: dynamic(), Finally: true},
		{Name: "report", Tasks: fanIn(), Finally: true},
	}
}

func (s *scratch) start(t *testing.T, job define.Job, o enginetest.Options) *enginetest.Engine {
	t.Helper()

	o.Jobs = map[string]define.Job{"scratch": job}
	o.Handlers = handlersOf(s.run, handlers.Attempts(2), handlers.Base(time.Millisecond),
		handlers.Timeout(cmp.Or(s.timeout, time.Hour)))

	if o.Config == nil {
		o.Config = shortGrace
	}

	return start(t, o)
}

// broken fails the task with index 1.
func broken(_ context.Context, t handlers.Task) error {
	if t.Index == 1 {
		return handlers.Permanent(errors.New("the disk is full"))
	}

	return nil
}

// TestFinallyStagesRunAfterEveryOutcome ends a job in each way. The finally
// stages run once, in their order, and see the outcome that the job then has.
func TestFinallyStagesRunAfterEveryOutcome(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestFinallyStagesRunAfterEveryOutcome) {
		return
	}

	failing := func(context.Context, params, define.Results) (any, error) { return nil, errors.New("no result") }
	result := func(context.Context, params, define.Results) (any, error) { return "a result", nil }
	hang := func(ctx context.Context, _ handlers.Task) error { <-ctx.Done(); return ctx.Err() }

	for name, c := range map[string]struct {
		work      func(context.Context, handlers.Task) error
		timeout   time.Duration
		tolerance float64
		result    func(context.Context, params, define.Results) (any, error)
		want      state.JobStatus
		code      state.Code
	}{
		"completed":             {want: state.JobCompleted},
		"completed with result": {result: result, want: state.JobCompleted},
		"tolerated failure":     {work: broken, tolerance: 1, want: state.JobCompletedWithErrors},
		"failed":                {work: broken, want: state.JobFailed, code: state.CodeTasksFailed},
		"timed out": {
			work: hang, timeout: 200 * time.Millisecond, want: state.JobFailed, code: state.CodeTasksFailed,
		},
		"failed result": {result: failing, want: state.JobFailed, code: state.CodePlanner},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := &scratch{work: c.work, timeout: c.timeout}
			e := s.start(t, define.Define(define.Definition[params]{
				Description: "a test", Stages: finallyStages(), Tolerance: c.tolerance, Result: c.result,
			}), enginetest.Options{Dispatch: modeOf(t)})

			job := e.Run("scratch", `{"n":3}`).MustBe(t, c.want)
			job.Stage(t, "clean").MustHave(t, 3, 0)
			job.Stage(t, "report").MustHave(t, 1, 0)

			if s.times("clean") != 3 || s.times("report") != 1 {
				t.Errorf("the finally stages ran %v", s.ran)
			}

			for _, o := range s.seen {
				if o.Status != c.want || (o.Error == nil) != (c.code == "") ||
					o.Error != nil && o.Error.Code != c.code {
					t.Errorf("a finally stage saw %+v", o)
				}
			}

			if c.result != nil && c.code == "" && string(job.Result) != `"a result"` {
				t.Errorf("the result is %s", job.Result)
			}

			mustCount(t, e, 1, `select count(*) from events where kind = 'job_ended'`)
			mustCount(t, e, 1, `select count(*) from events where kind = 'outcome_decided'`)
		})
	}
}

// TestFailureOfAFinallyStage fails tasks of a finally stage after their
// retries. The stages that follow run, and only a completed job shows it.
func TestFailureOfAFinallyStage(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		work func(context.Context, handlers.Task) error
		want state.JobStatus
	}{
		"completed": {nil, state.JobCompletedWithErrors},
		"failed":    {broken, state.JobFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := &scratch{work: c.work, clean: broken}
			e := s.start(t, jobOf(finallyStages()...), enginetest.Options{})

			job := e.Run("scratch", `{"n":3}`).MustBe(t, c.want)
			job.Stage(t, "clean").MustHave(t, 2, 1)
			job.Stage(t, "report").MustHave(t, 1, 0)

			if job.Error != nil && job.Error.Stage != "work" {
				t.Errorf("the job's error is %+v", job.Error)
			}
		})
	}
}

// TestRetryRunsFinallyStagesAgain retries and reruns jobs with finally stages.
func TestRetryRunsFinallyStagesAgain(t *testing.T) {
	t.Parallel()

	var down, dirty atomic.Bool

	down.Store(true)

	when := func(b *atomic.Bool) func(context.Context, handlers.Task) error {
		return func(ctx context.Context, task handlers.Task) error {
			if b.Load() {
				return broken(ctx, task)
			}

			return nil
		}
	}
	s := &scratch{work: when(&down), clean: when(&dirty)}
	e := s.start(t, jobOf(finallyStages()...), enginetest.Options{})

	id := e.Submit("scratch", `{"n":3}`)
	e.Wait(id).MustBe(t, state.JobFailed)

	down.Store(false)
	dirty.Store(true)
	retryJob(t, e, id)

	job := e.Wait(id).MustBe(t, state.JobCompletedWithErrors)
	if got := job.Stage(t, "clean").MustHave(t, 2, 1); got.Gen != 2 {
		t.Errorf("clean: %+v", got)
	}

	worked := s.times("work")

	dirty.Store(false)
	retryJob(t, e, id) // only finally stages run again

	job = e.Wait(id).MustBe(t, state.JobCompleted)
	if got := job.Stage(t, "clean").MustHave(t, 3, 0); got.Gen != 3 {
		t.Errorf("clean: %+v", got)
	}

	if s.times("work") != worked {
		t.Error("completed tasks ran again")
	}

	rerun(t, e, "scratch", `{"n":3}`)
	e.Wait(id).MustBe(t, state.JobCompleted).Stage(t, "clean").MustHave(t, 3, 0)
	mustCount(t, e, 4, `select count(*) from events where kind = 'outcome_decided'`)
}

// TestFinallyStagesReadEarlierResults reads what there is of a stage that
// failed.
func TestFinallyStagesReadEarlierResults(t *testing.T) {
	t.Parallel()

	var read atomic.Int64

	s := &scratch{work: broken, clean: func(ctx context.Context, task handlers.Task) error {
		for _, err := range handlers.Results[workOut](ctx, task, "work") {
			if err != nil {
				return err
			}

			read.Add(1)
		}

		return nil
	}}
	stages := finallyStages()
	stages[2].Tasks, stages[2].UsesLineage = single(), true

	e := s.start(t, jobOf(stages...), enginetest.Options{})
	id := e.Run("scratch", `{"n":3}`).MustBe(t, state.JobFailed).ID

	if got, want := int(read.Load()), query(t, e,
		`select completed from stages where job_id = $1 and name = 'work'`, id[:]); got != want {
		t.Errorf("a finally stage read %d results, want %d", got, want)
	}
}
