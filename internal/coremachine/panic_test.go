package coremachine_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestEngineSurvivesPanics panics twice at each statement in turn. The process
// continues, the message is delivered again, and the job ends correctly.
func TestEngineSurvivesPanics(t *testing.T) {
	t.Parallel()

	for _, point := range []string{
		"claim", "complete", "plan_inputs", "plan_end", "finish_job", "commit", "committed",
		"release_panicked", "lease_renew",
		"end_stages", "start_stages",
	} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()

			var (
				armed  atomic.Bool
				panics atomic.Int64
			)

			fault := func(at string) error {
				also := point == "release_panicked" && at == "complete" &&
					panics.Load() == 0 // makes the engine call release_panicked
				if armed.Load() && (at == point || also) && panics.Add(1) <= 2 {
					panic("injected at " + at)
				}

				return nil
			}
			jobs, h := buildOf(buildStages[builtParams]()), newHold("")
			e := start(t, enginetest.Options{
				Jobs:     jobs,
				Handlers: h.handlers(jobs),
				Fault:    fault,
				Dispatch: enginetest.Queue,
				Config:   func(c *coremachine.Config) { c.Renew, c.Lease = 200*time.Millisecond, 3*time.Second },
			})
			id := e.Submit("moving", `{}`)

			armed.Store(true)

			job := e.Wait(id).MustBe(t, state.JobCompleted)
			if got := string(job.Result); got != `{"value":15}` {
				t.Errorf("the result is %s", got)
			}

			until(t, "it has panicked", func() bool { return panics.Load() >= 2 })
		})
	}
}

// TestCancelSurvivesPanics panics in the work of a cancel, more often than the
// limit of panics that fails a job.
func TestCancelSurvivesPanics(t *testing.T) {
	t.Parallel()

	for _, point := range []string{"stop_messages", "stop_stages"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()

			var panics atomic.Int64

			jobs, h := buildOf(buildStages[builtParams]()), newHold("list")
			e := start(t, enginetest.Options{
				Jobs:     jobs,
				Handlers: h.handlers(jobs),
				Dispatch: enginetest.Queue,
				Fault: func(at string) error {
					if at == point && panics.Add(1) <= 6 { // a stop is never dead-lettered
						panic("injected")
					}

					return nil
				},
			})
			id := e.Submit("moving", `{}`)

			<-h.met

			if err := e.Process(0).Machine.Cancel(t.Context(), id, "test"); err != nil {
				t.Fatal(err)
			}

			until(t, "the stop is due immediately", func() bool {
				makeDue(t, e)
				e.Process(0).Queue.Wake(state.QueueJobs)

				return e.Read(id).Status.Ended()
			})
			e.Read(id).MustBe(t, state.JobCancelled)

			if n := panics.Load(); n <= 6 {
				t.Errorf("the point was reached %d times, want 6 panics and one success", n)
			}
		})
	}
}

// panicking is a store that panics on one job.
type panicking struct {
	*repo.Repo
	method string
	job    atomic.Pointer[state.JobID]
	calls  atomic.Int64
}

func (p *panicking) on(method string, id state.JobID) {
	if bad := p.job.Load(); bad != nil && *bad == id && method == p.method {
		p.calls.Add(1)
		panic("injected in " + method)
	}
}

func (p *panicking) Complete(
	ctx context.Context,
	local state.LocalCapacity,
	ends []state.TaskEnd,
) (state.TransitionEffects, error) {
	for i := range ends {
		p.on("Complete", ends[i].JobID)
	}

	return p.Repo.Complete(ctx, local, ends)
}

func (p *panicking) Job(ctx context.Context, id state.JobID) (string, []byte, error) {
	p.on("Job", id)
	return p.Repo.Job(ctx, id)
}

func (p *panicking) PlanEnd(
	ctx context.Context,
	local state.LocalCapacity,
	h state.ClaimedMessage,
) (state.TransitionEffects, error) {
	p.on("PlanEnd", h.JobID)
	return p.Repo.PlanEnd(ctx, local, h)
}

func (p *panicking) Finish(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	result []byte,
) (state.TransitionEffects, error) {
	p.on("Finish", h.JobID)
	return p.Repo.Finish(ctx, worker, h, result)
}

// TestFivePanicsOnOneMessageFailItsJob panics on one of two jobs. That job
// fails with the stack in the log, and the other one completes in the same
// batches.
func TestFivePanicsOnOneMessageFailItsJob(t *testing.T) {
	t.Parallel()

	for _, method := range []string{"Complete", "Job", "PlanEnd", "Finish"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()

			store := &panicking{method: method}

			var log lockedBuffer

			jobs, h := buildOf(buildStages[builtParams]()), newHold("")
			e := start(t, enginetest.Options{
				Jobs: jobs, Handlers: h.handlers(jobs), Dispatch: enginetest.Queue,
				Log: slog.New(slog.NewTextHandler(&log, nil)),
				Config: func(c *coremachine.Config) {
					r, ok := c.Store.(*repo.Repo)
					if !ok {
						t.Fatalf("the store is a %T", c.Store)
					}

					store.Repo, c.Store = r, store
				},
			})
			bad := state.NewJobID("moving", []byte(`{"n":3,"seed":1}`))
			store.job.Store(&bad)

			if id := e.Submit("moving", `{"seed":1}`); id != bad {
				t.Fatalf("the job is %s", id)
			}

			e.Run("moving", `{"seed":2}`).MustBe(t, state.JobCompleted)

			maxPanics := 0

			until(t, "the job has failed", func() bool {
				_ = e.Pool().
					QueryRow(t.Context(), `select greatest($1, max(panics)) from messages`, maxPanics).
					Scan(&maxPanics)
				makeDue(t, e)

				for _, q := range state.Queues {
					e.Process(0).Queue.Wake(q)
				}

				return e.Read(bad).Status.Ended()
			})

			job := e.Read(bad).MustBe(t, state.JobFailed)
			if job.Error.Code != state.CodeEnginePanic ||
				!strings.Contains(job.Error.Message, "injected in "+method) {
				t.Errorf("the job failed with %+v", job.Error)
			}

			if got := log.String(); !strings.Contains(got, "the engine panicked") ||
				!strings.Contains(got, "panic_test.go") {
				t.Errorf("the log does not contain the stack: %s", got)
			}

			if n := store.calls.Load(); n < state.MaxPanics {
				t.Errorf("it panicked %d times, want at least %d", n, state.MaxPanics)
			}

			if maxPanics >= state.MaxPanics+1 || !e.Process(0).Machine.Ready() {
				t.Errorf("a message has %d panics", maxPanics)
			}

			mustCount(t, e, 0, `select count(*) from attempts where outcome <> 'cancelled'`)
		})
	}
}

// TestObserverPanicsAreContained panics in all calls that only notify.
func TestObserverPanicsAreContained(t *testing.T) {
	t.Parallel()

	jobs, h := buildOf(buildStages[builtParams]()), newHold("")
	e := start(t, enginetest.Options{
		Jobs: jobs, Handlers: h.handlers(jobs), Dispatch: enginetest.Local,
		Config: func(c *coremachine.Config) {
			c.Observer = panickingObserver{}
			c.JobEnded = func(state.JobID) { panic("injected") }
		},
	})
	e.Run("moving", `{}`).MustBe(t, state.JobCompleted)
	mustCount(t, e, 0, `select count(*) from attempts`)
}

type panickingObserver struct{}

func (panickingObserver) Began(context.Context, *state.ClaimedMessage, int, time.Time) context.Context {
	panic("injected")
}

func (panickingObserver) Ended(
	context.Context,
	*state.ClaimedMessage,
	int,
	time.Time,
	time.Time,
	state.TaskStatus,
	state.Code,
) {
	panic("injected")
}

// lockedBuffer is a log that a test reads while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.b.String()
}
