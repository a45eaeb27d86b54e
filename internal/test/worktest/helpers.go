package worktest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// Exec changes rows without the engine.
func Exec(t *testing.T, e *enginetest.Engine, sql string, args ...any) {
	t.Helper()

	if _, err := e.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// MakeDue makes all messages that wait for their time due. It locks them in key
// order, as the engine does.
func MakeDue(t *testing.T, e *enginetest.Engine) {
	t.Helper()
	Exec(t, e, `with waiting as (
		select job_id, message_id from messages where due_at > now()
		order by job_id, message_id for update)
	update messages m set due_at = now() from waiting w
	where m.job_id = w.job_id and m.message_id = w.message_id`)
}

// Sweep sweeps once, and fails the test if a step of the sweep fails.
func Sweep(t *testing.T, e *enginetest.Engine) coremachine.SweepReport {
	t.Helper()

	rep, err := e.Process(0).Machine.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	return rep
}

// Until waits until ok returns true. It fails the test after a minute.
func Until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	UntilWithin(t, time.Minute, what, ok)
}

// UntilWithin is Until with another limit.
func UntilWithin(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()

	limit = pgtest.Patience(t, limit)

	end := time.NewTimer(limit)
	defer end.Stop()

	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()

	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("timed out after %s waiting until %s", limit, what)
		}
	}
}

// ModeOf returns the mode of dispatch of a test. It defaults to the mode of
// Azure for tests that run in one mode.
func ModeOf(t *testing.T) enginetest.Dispatch {
	t.Helper()
	return cmp.Or(enginetest.DispatchOf(t), enginetest.Queue)
}

// ShortLease makes a lease end after 2.5 seconds. A process that a busy machine
// does not run for longer than a second keeps it.
func ShortLease(c *coremachine.Config) {
	c.Lease, c.Renew, c.Grace = 2500*time.Millisecond, 500*time.Millisecond, 400*time.Millisecond
}

// ShortGrace makes a cancel wait 400 ms for an unresponsive handler.
func ShortGrace(c *coremachine.Config) { c.Grace, c.Renew = 400*time.Millisecond, time.Second }

// ErrConnectionLost is the error of a broken connection. The engine cannot know
// whether the server executed the statement.
var ErrConnectionLost = state.Errorf(state.CodeUnavailable, "test", "the connection broke")

// ExternalService is a service that handlers depend on. It is unavailable for a while.
type ExternalService struct{ Down atomic.Bool }

// Call is the handler. It fails for each fourth task while the service is down,
// and logs it.
func (o *ExternalService) Call(_ context.Context, t handlers.Task, in In) (Out, error) {
	if o.Down.Load() && t.Index%4 == 1 {
		t.Log.Warn("the service is unavailable")

		return Out{}, errors.New("the service is unavailable")
	}

	return Out(in), nil
}

// RetryJob retries a job that has ended.
func RetryJob(t *testing.T, e *enginetest.Engine, id state.JobID) state.Retried {
	t.Helper()

	res, err := e.Process(0).Machine.Retry(t.Context(), id, "test", "")
	if err != nil {
		t.Fatal(err)
	}

	return res
}

// Rerun submits a job that has completed again.
func Rerun(t *testing.T, e *enginetest.Engine, jobType, body string) {
	t.Helper()

	res, err := e.Process(0).Machine.Submit(
		t.Context(),
		coremachine.SubmitRequest{Type: jobType, Body: []byte(body), Rerun: true},
	)
	if err != nil || !res.Started {
		t.Fatalf("rerun: %+v, %v", res, err)
	}
}

// StartFailing starts an engine with a job "tiles" whose last task always
// fails.
func StartFailing(t *testing.T) *enginetest.Engine {
	t.Helper()

	service := &ExternalService{}
	service.Down.Store(true)

	return Start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"tiles": JobOf(define.Stage[Params]{Name: "first", Tasks: Dynamic(), Bundle: 2}),
		},
		Handlers: HandlersOf(service.Call, handlers.Attempts(1)),
	})
}

// WantCode fails the test if the error has another code.
func WantCode(t *testing.T, what string, err error, want state.Code) {
	t.Helper()

	if got := state.CodeOf(err); err == nil || got != want {
		t.Errorf("%s: %v, want the code %s", what, err, want)
	}
}

// ReclaimAll requeues all messages that are orphaned now. It returns the number
// of requeued tasks and of messages of other kinds.
func ReclaimAll(t *testing.T, r *repo.Repo) (reclaimed int) {
	t.Helper()

	orphans, err := r.Orphans(t.Context(), 1000)
	if err != nil {
		t.Error(err)
		return 0
	}

	for _, o := range orphans {
		n, _, err := r.ReclaimExpired(t.Context(), o.Worker, []state.Orphan{o})
		if err != nil {
			t.Error(err)
		}

		reclaimed += n
	}

	return reclaimed
}

// SubmitMany submits the given number of jobs of each type with parameter n,
// from all processes concurrently.
func SubmitMany(t *testing.T, e *enginetest.Engine, jobs, n int, types ...string) []state.JobID {
	t.Helper()

	ids := make([]state.JobID, jobs*len(types))

	var wg sync.WaitGroup
	for p := range e.Processes() {
		wg.Go(func() {
			for i := p; i < len(ids); i += e.Processes() {
				res, err := e.Process(p).Machine.Submit(t.Context(), coremachine.SubmitRequest{
					Type: types[i%len(types)], Body: fmt.Appendf(nil, `{"n":%d,"seed":%d}`, n, i),
				})
				if err != nil {
					t.Error(err)
				}

				ids[i] = res.JobID
			}
		})
	}

	wg.Wait()

	return ids
}
