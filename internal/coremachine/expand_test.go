package coremachine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// recorder records which tasks ran, as "stage/index".
type recorder struct {
	mu  sync.Mutex
	ran []string
}

func (r *recorder) note(t handlers.Task) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.ran = append(r.ran, fmt.Sprintf("%s/%d", t.Stage, t.Index))
}

// drain returns the sorted tasks that ran since the last call.
func (r *recorder) drain() []string {
	r.mu.Lock()
	defer r.mu.Unlock()

	ran := slices.Sorted(slices.Values(r.ran))
	r.ran = nil

	return ran
}

// TestRetryRunsOnlyFailedTasksAndTheirFanIn checks that a retry runs the failed
// tasks and the task that adds up the results, and no others.
func TestRetryRunsOnlyFailedTasksAndTheirFanIn(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestRetryRunsOnlyFailedTasksAndTheirFanIn) {
		return
	}

	var down atomic.Bool
	down.Store(true)

	var ran recorder

	fn := func(ctx context.Context, task handlers.Task, in workIn) (workOut, error) {
		ran.note(task)

		if task.Stage == "count" {
			n := 0

			for _, err := range handlers.Results[workOut](ctx, task, "many") {
				if err != nil {
					return workOut{}, err
				}

				n++
			}

			return workOut{Value: n}, nil
		}

		if down.Load() && task.Index%33 == 17 {
			return workOut{}, handlers.Permanent(errors.New("the service is down"))
		}

		return workOut(in), nil
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"hundred": tolerant(
			define.Stage[params]{
				Name:  "many",
				Tasks: dynamic(),
			},
			define.Stage[params]{Name: "count", Tasks: fanIn()},
		)},
		Handlers: handlersOf(fn), Processes: 2,
	})
	id := e.Submit("hundred", `{"n":100}`)
	e.Wait(id).MustBe(t, state.JobCompletedWithErrors).Stage(t, "many").MustHave(t, 97, 3)

	if got := string(e.Results(id, "count")[0]); got != `{"value":97}` {
		t.Errorf("counted before the retry: %s", got)
	}

	if n := len(ran.drain()); n != 101 {
		t.Errorf("%d attempts before the retry, want 101", n)
	}

	down.Store(false)

	if res := retryJob(t, e, id); res.Tasks != 3 || res.Stages != 1 || res.Attempt != 2 {
		t.Errorf("the retry opened %+v", res)
	}

	e.Wait(id).MustBe(t, state.JobCompleted).Stage(t, "many").MustHave(t, 100, 0)

	if got := string(e.Results(id, "count")[0]); got != `{"value":100}` {
		t.Errorf("counted after the retry: %s", got)
	}

	if got, want := ran.drain(), []string{
		"count/0",
		"many/17",
		"many/50",
		"many/83",
	}; !slices.Equal(got, want) {
		t.Errorf("the retry ran %v, want %v", got, want)
	}

	failures, err := e.Process(0).Repo.ListFailures(t.Context(), id, "many")
	if err != nil || len(failures) != 1 || failures[0].Tasks != 0 || failures[0].Attempts != 3 {
		t.Errorf("failures after the retry are %+v, %v", failures, err)
	}
}

// TestLargeRetryExpandsInRanges interrupts the expansion of a retried stage,
// once by a lost process and once by a cancel.
func TestLargeRetryExpandsInRanges(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestLargeRetryExpandsInRanges) {
		return
	}

	service := &externalService{}
	service.Down.Store(true)

	var remaining atomic.Int64 // ranges until the next answer is lost
	remaining.Store(1 << 40)

	halted := make(chan struct{}, 16)
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"large": tolerant(
			define.Stage[params]{
				Name:   "many",
				Tasks:  dynamic(),
				Bundle: 5,
				Window: 20,
			},
			define.Stage[params]{Name: "sum", Tasks: fanIn()},
		)},
		Handlers: handlersOf(service.Call, handlers.Attempts(1)), Processes: 2, Chunk: 7, Config: shortGrace,
		Fault: func(point string) error {
			if point != "expand_retry" || remaining.Add(-1) >= 0 {
				return nil
			}

			select {
			case halted <- struct{}{}:
			default:
			}

			return errConnectionLost // always, so that no process can continue
		},
	})
	id := e.Submit("large", `{"n":200}`)
	e.Wait(id).MustBe(t, state.JobCompletedWithErrors).Stage(t, "many").MustHave(t, 150, 50)
	service.Down.Store(false)

	remaining.Store(5)

	if res := retryJob(t, e, id); res.Tasks != 50 || res.Stages != 1 {
		t.Errorf("the retry opens %+v", res)
	}

	<-halted
	e.MustSatisfyInvariants()
	mustCount(t, e, 9, `select count(*) from tasks where stage = 0 and status = 'queued'`) // of the first 35
	mustCount(t, e, 41,
		`select failed from stages where stage = 0 and reopening and total is null and dispatched = 0`,
	)

	if err := e.Process(0).Machine.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	s := e.Wait(id).MustBe(t, state.JobCancelled).Stage(t, "many")
	if s.Completed != 150 || s.Failed != 41 || s.Cancelled != 9 || s.Status != state.StageCancelled {
		t.Errorf("many after the cancel: %+v", s)
	}

	remaining.Store(3)

	if res := retryJob(t, e, id); res.Tasks != 50 || res.Stages != 1 {
		t.Errorf("the second retry opens %+v", res)
	}

	<-halted
	exec(t, e, `update workers set lease_until = '-infinity'`) // their holders do not know it yet
	until(t, "the message is released", func() bool {
		reclaimAll(t, e.Process(0).Repo)
		return query(t, e, `select count(*) from messages where kind = 5 and losses > 0`) == 1
	})
	remaining.Store(1 << 40)
	e.Wait(id).MustBe(t, state.JobCompleted).Stage(t, "many").MustHave(t, 200, 0)
	mustCount(t, e, 50, `select count(*) from tasks where stage = 0 and attempt > 1`)
	mustCount(t, e, 0, `select count(*) from attempts where final`)
}

// TestSweepResumesStalledRetryExpansion deletes the message that expands a
// retry. The sweep must create it again.
func TestSweepResumesStalledRetryExpansion(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestSweepResumesStalledRetryExpansion) {
		return
	}

	service := &externalService{}
	service.Down.Store(true)
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"large": tolerant(define.Stage[params]{Name: "many", Tasks: dynamic()}),
		},
		Handlers: handlersOf(service.Call, handlers.Attempts(1)),
		Chunk:    3,
	})
	id := e.Submit("large", `{"n":40}`)
	e.Wait(id).MustBe(t, state.JobCompletedWithErrors)
	service.Down.Store(false)
	exec(t, e, `create function forget() returns trigger language plpgsql as $$ begin return null; end $$`)
	exec(
		t,
		e,
		`create trigger forget before insert on messages for each row when (new.kind = 5) execute function forget()`,
	)
	retryJob(t, e, id)
	exec(t, e, `drop trigger forget on messages`)

	if rep := sweep(t, e); rep.Repaired != 1 {
		t.Errorf("the sweep: %+v", rep)
	}

	e.Wait(id).MustBe(t, state.JobCompleted).Stage(t, "many").MustHave(t, 40, 0)
}

// TestCancel100000Tasks cancels a large job in the middle, with a handler that
// ignores its context. It measures time, so it does not run in parallel with
// other tests.
func TestCancel100000Tasks(t *testing.T) { //nolint:paralleltest // it measures
	const n = 100_000

	var done, asked atomic.Int64

	middle, letGo := make(chan struct{}), make(chan struct{})

	release := sync.OnceFunc(func() { close(letGo) })
	defer release()

	fn := func(_ context.Context, task handlers.Task, in workIn) (workOut, error) {
		switch {
		case task.Index == 777 && asked.Add(1) == 1:
			<-letGo
			return workOut{Value: poison}, nil
		case done.Add(1) == 15_000:
			close(middle)
		}

		return workOut(in), nil
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"huge": jobOf(
			define.Stage[params]{
				Name:  "many",
				Tasks: dynamic(),
			},
			define.Stage[params]{Name: "next", Tasks: follow()},
		)},
		Handlers: handlersOf(fn), Processes: 2, Dispatch: modeOf(t),
	})
	m := e.Process(0).Machine
	body := fmt.Sprintf(`{"n":%d}`, n)
	begin := time.Now()
	id := e.Submit("huge", body)

	<-middle

	// A cancel takes 10 s on an idle machine, of which the unresponsive handler
	// takes 5 s. The time of the 15,000 tasks shows how busy the machine is.
	limit := max(20*time.Second, 5*time.Second+4*time.Since(begin))
	begin = time.Now()

	if err := m.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	var committed time.Time // a completion that began between the request and its commit does not see it
	if err := e.Pool().QueryRow(t.Context(), `select clock_timestamp()`).Scan(&committed); err != nil {
		t.Fatal(err)
	}

	submit := coremachine.SubmitRequest{Type: "huge", Body: []byte(body)}
	if _, err := m.Submit(t.Context(), submit); state.CodeOf(err) != state.CodeConflict {
		t.Errorf("submitting while it is being stopped: %v", err)
	}

	job := e.Wait(id).MustBe(t, state.JobCancelled)
	took := time.Since(begin)
	t.Logf("cancelled in %s", took)

	if took > limit {
		t.Errorf("the stop took %s, want at most %s", took, limit)
	}

	if s := job.Stage(t, "many"); s.Completed+s.Cancelled != n || s.Completed < 10_000 ||
		s.Cancelled < 10_000 || s.Failed != 0 {
		t.Errorf("many: %+v", s)
	}

	mustCount(t, e, 0, `select count(*) from tasks where started_at > $1`, committed)
	mustCount(t, e, 0, `select count(*) from attempts where started_at > $1`, committed)
	mustCount(t, e, 1, `select count(*) from tasks where index = 777 and status = 'cancelled'`)

	res, err := m.Submit(t.Context(), submit)
	if err != nil || !res.Started || res.Attempt != 2 {
		t.Fatalf("submitting it again: %+v, %v", res, err)
	}

	release() // the old attempt returns during the new run
	until(t, "the unresponsive handler has returned", func() bool {
		return m.Unresponsive()+e.Process(1).Machine.Unresponsive() == 0
	})
	until(t, "its task has ended", func() bool {
		return query(t, e,
			`select count(*) from tasks t join stages s using (job_id, stage, gen)
			where stage = 0 and index = 777 and t.status = 'completed'`,
		) == 1
	})
	mustCount(t, e, 0,
		`select count(*) from tasks
		where status = 'completed' and stage = 0 and convert_from(result, 'utf8') <> '{"value":' || index || '}'`,
	)

	if err := m.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	e.Wait(id).MustBe(t, state.JobCancelled)
}
