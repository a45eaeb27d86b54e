package coremachine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/view"
)

// taskLogs reads the kept lines of a task of the stage "first".
func taskLogs(t *testing.T, e *enginetest.Engine, id state.JobID, index int) []view.TaskLogView {
	t.Helper()

	logs, err := e.Process(0).Repo.ReadTaskLogs(t.Context(), id, "first", index)
	if err != nil {
		t.Fatal(err)
	}

	return logs
}

// logJob is a job with one stage of n tasks.
func logJob(keep bool) define.Job {
	return define.Define(define.Definition[params]{
		Stages: []define.Stage[params]{{Name: "first", Tasks: dynamic()}}, Tolerance: 1, KeepLogs: keep,
	})
}

// TestKeepsTheLogOfAttemptsThatFail has a task that fails twice and then
// completes, one that fails permanently, and some that succeed.
func TestKeepsTheLogOfAttemptsThatFail(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestKeepsTheLogOfAttemptsThatFail) {
		return
	}

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"logging": logJob(false)},
		Handlers: handlersOf(func(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
			log := t.Log.With("part", "a b").WithGroup("tile")
			log.Debug("not kept")
			log.Info("begin", "x", 1, slog.Group("at", "y", `"2"`))
			t.Log.Warn("look")

			if t.Index == 0 && t.Failures < 2 || t.Index == 1 {
				return workOut{}, errors.New("no")
			}

			return workOut(in), nil
		}, handlers.Attempts(3), handlers.Base(time.Millisecond)),
	})
	id := e.Submit("logging", `{"n":5}`)
	e.Wait(id).MustBe(t, state.JobCompletedWithErrors)

	for index, want := range []int{2, 3, 0, 0, 0} {
		logs := taskLogs(t, e, id, index)
		if len(logs) != want {
			t.Errorf("task %d: %d attempts have a log, want %d", index, len(logs), want)
		}

		for i, log := range logs {
			if i > 0 && log.Attempt >= logs[i-1].Attempt {
				t.Errorf("task %d: the attempts are not listed newest first: %+v", index, logs)
			}

			if len(log.Lines) != 2 || log.Dropped != 0 || log.LoggedAt.Sub(log.Lines[0].At).Abs() > time.Hour {
				t.Fatalf("task %d: got %+v", index, log)
			}

			if got := log.Lines[0]; got.Level != "INFO" ||
				got.Text != `begin part="a b" tile.x=1 tile.at.y="\"2\""` {
				t.Errorf("task %d: got the line %+v", index, got)
			}

			if got := log.Lines[1]; got.Level != "WARN" || got.Text != "look" {
				t.Errorf("task %d: got the line %+v", index, got)
			}
		}
	}

	e.MustSatisfyInvariants()
}

// TestKeepsNoLogOfTasksThatSucceedUnlessAsked counts the statements that write
// lines: without lines there are none.
func TestKeepsNoLogOfTasksThatSucceedUnlessAsked(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		name string
		keep coremachine.KeepLogs
		job  bool
		fail bool
		want int // tasks with a log
	}{
		{"Default", coremachine.KeepFailed, false, false, 0},
		{"JobAsks", coremachine.KeepFailed, true, false, 4},
		{"All", coremachine.KeepAll, false, false, 4},
		{"None", coremachine.KeepNone, true, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			var writes atomic.Int64

			e := start(t, enginetest.Options{
				Jobs: map[string]define.Job{"logging": logJob(c.job)},
				Handlers: handlersOf(func(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
					t.Log.Info("a line")

					if c.fail {
						return workOut{}, errors.New("no")
					}

					return workOut(in), nil
				}, handlers.Attempts(1)),
				Config: func(cfg *coremachine.Config) { cfg.KeepLogs = c.keep },
				Fault: func(point string) error {
					if point == "write_task_logs" {
						writes.Add(1)
					}

					return nil
				},
			})
			id := e.Submit("logging", `{"n":4}`)
			e.Wait(id)

			got := 0
			for index := range 4 {
				got += len(taskLogs(t, e, id, index))
			}

			if got != c.want || (writes.Load() > 0) != (c.want > 0) {
				t.Errorf("%d tasks have a log, and %d statements wrote lines, want %d", got, writes.Load(), c.want)
			}
		})
	}
}

// hostileValue panics when it is printed.
type hostileValue struct{}

func (hostileValue) String() string { panic("no text") }

// TestHostileLogIsBoundedAndVisible logs far more than is kept, with control
// characters, invalid UTF-8 and values that panic.
func TestHostileLogIsBoundedAndVisible(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestHostileLogIsBoundedAndVisible) {
		return
	}

	const lines = 5000

	long := strings.Repeat("\x1b[31m\u202e<script>\xff\x00", 2000)
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"logging": logJob(true)},
		Handlers: handlersOf(func(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
			odd := []any{"colour", "\x1b[31mred\u202e", "odd"}
			for i := range lines {
				t.Log.Info(fmt.Sprint("line ", i), odd...) //nolint:sloglint // as a careless handler does
			}

			//nolint:sloglint // as a careless handler does
			t.Log.Error(long, long, long, "value", hostileValue{}, "nothing", nil)
			t.Log.Info("the last line")

			return workOut(in), nil
		}),
	})
	id := e.Submit("logging", `{"n":2}`)
	e.Wait(id).MustBe(t, state.JobCompleted)

	mustCount(t, e, 2, `select count(*) from task_logs where octet_length(lines) between 60000 and $1`,
		state.MaxTaskLog)

	log := taskLogs(t, e, id, 1)[0]
	if n := len(log.Lines); log.Dropped+n != lines+2 || log.Lines[n-1].Text != "the last line" {
		t.Errorf("%d lines are kept and %d were dropped, want %d together", n, log.Dropped, lines+2)
	}

	for _, line := range log.Lines {
		if strings.ContainsAny(line.Text, "\x1b\x00\u202e") || len(line.Text) > state.MaxLogText {
			t.Fatalf("a line of %d bytes is not fit to be shown: %.80q", len(line.Text), line.Text)
		}
	}

	if got := log.Lines[0].Text; !strings.HasSuffix(got, ` colour="\x1b[31mred\u202e" !BADKEY=odd`) {
		t.Errorf("got the line %q", got)
	}

	if got := log.Lines[len(log.Lines)-2].Text; !strings.HasPrefix(got, `\x1b[31m\u202e<script>`+"\uFFFD"+`\x00`) {
		t.Errorf("got the line %.80q", got)
	}
}

// TestRejectedLogDoesNotCostTheEnd has a database that rejects all log lines.
func TestRejectedLogDoesNotCostTheEnd(t *testing.T) {
	t.Parallel()

	const enough = 30 // statements: three ends need fewer

	var writes atomic.Int64

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"logging": logJob(true)},
		Handlers: handlersOf(func(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
			t.Log.Info("a line")

			if t.Index == 1 {
				return workOut{}, errors.New("no")
			}

			return workOut(in), nil
		}, handlers.Attempts(1)),
		Fault: func(point string) error {
			if point == "write_task_logs" {
				writes.Add(1)
				return state.Errorf(state.CodeInvalid, "test", "the database rejected the lines")
			}

			return nil
		},
	})
	id := e.Submit("logging", `{"n":3}`)

	until(t, "the job has ended, or its ends are recorded again and again", func() bool {
		return e.Read(id).Status.Ended() || writes.Load() > enough
	})

	job := e.Read(id).MustBe(t, state.JobCompletedWithErrors)
	job.Stage(t, "first").MustHave(t, 2, 1)

	if got := job.Errors[0]; !strings.HasSuffix(got, "task first/1, attempt 1: no (task_error)") {
		t.Errorf("got %s", got)
	}
}

// TestEarlierAttemptsMakeRoom has attempts that log 40 KB each.
func TestEarlierAttemptsMakeRoom(t *testing.T) {
	t.Parallel()

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"logging": logJob(false)},
		Handlers: handlersOf(func(_ context.Context, t handlers.Task, _ workIn) (workOut, error) {
			if t.Failures < 2 {
				for range 10 {
					t.Log.Info("long", "x", strings.Repeat("x", 4000))
				}
			}

			t.Log.Info("a line")

			return workOut{}, errors.New("no")
		}, handlers.Attempts(4), handlers.Base(time.Millisecond)),
	})
	id := e.Submit("logging", `{"n":1}`)
	e.Wait(id)

	var got []int
	for _, log := range taskLogs(t, e, id, 0) {
		got = append(got, len(log.Lines))
	}

	if fmt.Sprint(got) != "[1 1 11]" {
		t.Errorf("the attempts have %v lines, want [1 1 11]: the first made room for the second", got)
	}

	mustCount(t, e, 1, `select count(*) from (
		select from task_logs group by job_id, index having sum(octet_length(lines)) <= $1) x`, state.MaxTaskLog)
}

// TestLogsOfAnotherIncarnationAreNotShown leaves a row behind, as a build does
// that does not know the table and deletes the job.
func TestLogsOfAnotherIncarnationAreNotShown(t *testing.T) {
	t.Parallel()

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"logging": logJob(false)},
		Handlers: handlersOf(func(_ context.Context, t handlers.Task, _ workIn) (workOut, error) {
			t.Log.Info("a line")
			return workOut{}, errors.New("no")
		}, handlers.Attempts(1)),
	})

	line, err := json.Marshal([]state.LogLine{{Text: "of another job"}})
	if err != nil {
		t.Fatal(err)
	}

	id := e.Submit("logging", `{"n":1}`)
	e.Wait(id)
	exec(t, e, `insert into task_logs (job_id, stage, gen, index, incarnation, attempt, lines)
		select job_id, stage, gen, index, incarnation + 1000, attempt, $1 from task_logs`, line)

	for range 2 {
		logs := taskLogs(t, e, id, 0)
		if len(logs) != 1 || logs[0].Lines[0].Text != "a line" {
			t.Errorf("got %+v", logs)
		}

		if err := e.Process(0).Machine.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}

		mustCount(t, e, 1, `select count(*) from task_logs`) // the row of the other incarnation

		e.Submit("logging", `{"n":1}`)
		e.Wait(id)
	}

	_, err = e.Process(0).Repo.ReadTaskLogs(t.Context(), id, "first", 1)
	wantCode(t, "a task that does not exist", err, state.CodeNotFound)
}

// TestSweepDeletesOldLogs has more old rows than one statement deletes.
func TestSweepDeletesOldLogs(t *testing.T) {
	t.Parallel()

	e := startFailing(t)
	exec(t, e, `insert into task_logs (job_id, stage, gen, index, incarnation, attempt, logged_at, lines)
		select sha256('a'), 0, 1, i, 1, 1, now() - make_interval(hours => 23 + i % 2 * 2), '[]'
		from generate_series(1, 5000) i`)

	rows, done, err := e.Process(0).Repo.ExpireLogs(t.Context(), state.TaskLogAge)
	if err != nil || done || rows != 1024 {
		t.Errorf("a statement deleted %d rows, done %t; %v; want 1024", rows, done, err)
	}

	if rep := sweep(t, e); rep.Logs != 2500-rows {
		t.Errorf("the sweep deleted %d logs, want %d", rep.Logs, 2500-rows)
	}

	mustCount(t, e, 2500, `select count(*) from task_logs`)
}

// TestAbandonedHandlerDoesNotGrowTheLog has a handler that ignores the end of
// its context and continues to log.
func TestAbandonedHandlerDoesNotGrowTheLog(t *testing.T) {
	t.Parallel()

	release := make(chan struct{})
	returned := make(chan struct{})
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"logging": logJob(false)},
		Handlers: handlersOf(func(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
			defer close(returned)

			t.Log.Info("begin")
			<-release
			t.Log.Info("too late")

			return workOut(in), nil
		}, handlers.Attempts(1), handlers.Timeout(100*time.Millisecond)),
		Config: shortGrace,
	})
	id := e.Submit("logging", `{"n":1}`)
	e.Wait(id)
	close(release)
	<-returned

	logs := taskLogs(t, e, id, 0)
	if len(logs) != 1 || len(logs[0].Lines) != 1 || logs[0].Lines[0].Text != "begin" {
		t.Errorf("got %+v", logs)
	}
}
