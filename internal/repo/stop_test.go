package repo_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// TestStaleStopEndsNothing has a worker continue with a stop message that
// another worker has claimed since then. The job may have been retried in
// between.
func TestStaleStopEndsNothing(t *testing.T) {
	t.Parallel()
	r := repo.New(pgtest.Schema(t))
	jobs := map[string]define.Job{
		"windows": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 1, Window: 2}),
	}
	m := coremachine.New(coremachine.Config{Jobs: jobs, Handlers: handlersOf(echo), Store: r})

	submitted, err := m.Submit(
		t.Context(),
		coremachine.SubmitRequest{Type: "windows", Body: []byte(`{"n":5}`)},
	)
	if err != nil {
		t.Fatal(err)
	}

	if err := m.Cancel(t.Context(), submitted.JobID, "test"); err != nil {
		t.Fatal(err)
	}

	msg := state.Message{JobID: submitted.JobID}
	if err := r.Pool().
		QueryRow(t.Context(), `select message_id from messages where kind = 4`).
		Scan(&msg.MessageID); err != nil {
		t.Fatal(err)
	}

	old, other := uuid.New(), uuid.New()

	was := claimOne(t, r, old, msg)
	if _, err := r.Release(t.Context(), old, was, 0, ""); err != nil {
		t.Fatal(err)
	}

	claimed := claimOne(t, r, other, msg)
	if n, err := r.StopWork(t.Context(), old, was, true); err != nil || n != 0 {
		t.Errorf("a stale stop ended %d rows, %v", n, err)
	}

	if ended, _, err := r.StopEnd(t.Context(), old, was); err != nil || ended {
		t.Errorf("a stale stop ended the job, %v", err)
	}

	for _, want := range []int{2, 1, 0} { // two messages, then the tasks without a message, then nothing
		if n, err := r.StopWork(t.Context(), other, claimed, false); err != nil || n != want {
			t.Errorf("the stop ended %d rows, want %d; %v", n, want, err)
		}
	}

	if ended, _, err := r.StopEnd(t.Context(), other, claimed); err != nil || !ended {
		t.Errorf("the stop did not end the job, %v", err)
	}
}

// TestStopOfReplacedJobEndsNothing has a worker continue with the stop of a job
// that was deleted and submitted again since then. The new incarnation runs, or
// is being stopped itself.
func TestStopOfReplacedJobEndsNothing(t *testing.T) {
	t.Parallel()

	for _, stopped := range []bool{false, true} {
		t.Run(fmt.Sprintf("stopped=%t", stopped), func(t *testing.T) {
			t.Parallel()

			h := newManualJob(t, `{"n":3}`, define.Stage[params]{Name: "only", Tasks: dynamic()})
			if err := h.m.Cancel(t.Context(), h.id, "test"); err != nil {
				t.Fatal(err)
			}

			old := h.claim(h.a, state.KindStop, 1)[0]
			endStop(t, h.Repo, h.a, old)

			before := incarnationOf(t, h)
			if err := h.m.Delete(t.Context(), h.id); err != nil {
				t.Fatal(err)
			}

			req := coremachine.SubmitRequest{Type: "job", Body: []byte(`{"n":3}`)}
			if res, err := h.m.Submit(t.Context(), req); err != nil || res.JobID != h.id {
				t.Fatalf("submitted the job %s again, want %s; %v", res.JobID, h.id, err)
			}

			if stopped {
				if err := h.m.Cancel(t.Context(), h.id, "test"); err != nil {
					t.Fatal(err)
				}

				h.claim(h.b, state.KindStop, 1)
			}

			for _, held := range []bool{false, true} {
				if n, err := h.StopWork(t.Context(), h.a, old, held); err != nil || n != 0 {
					t.Errorf("the old stop ended %d rows, %v", n, err)
				}
			}

			if ended, _, err := h.StopEnd(t.Context(), h.a, old); err != nil || ended {
				t.Errorf("the old stop ended the new job, %v", err)
			}

			refs := []state.JobRef{
				{JobID: h.id, Incarnation: before},
				{JobID: h.id, Incarnation: incarnationOf(t, h)},
			}

			got, err := h.StoppingJobs(t.Context(), refs)
			if err != nil {
				t.Fatal(err)
			}

			want := refs[:1]
			if stopped {
				want = refs
			}

			if !slices.Equal(got, want) {
				t.Errorf("the jobs %v are being stopped, want %v", got, want)
			}
		})
	}
}

func endStop(t *testing.T, r *repo.Repo, worker uuid.UUID, stop state.ClaimedMessage) {
	t.Helper()

	for n := 1; n > 0; {
		var err error
		if n, err = r.StopWork(t.Context(), worker, stop, true); err != nil {
			t.Fatal(err)
		}
	}

	if ended, _, err := r.StopEnd(t.Context(), worker, stop); err != nil || !ended {
		t.Fatalf("the stop did not end the job, %v", err)
	}
}

func incarnationOf(t *testing.T, h *manualJob) (n int64) {
	t.Helper()

	err := h.Pool().QueryRow(t.Context(), `select incarnation from jobs where job_id = $1`, h.id[:]).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}

	return n
}

// TestHandlersOfReplacedJobRunOn cancels, deletes and submits a job again while
// a process cannot look for jobs that are being stopped. When it can, it must
// end the handler of the old incarnation and not that of the new one.
func TestHandlersOfReplacedJobRunOn(t *testing.T) {
	t.Parallel()

	url := pgtest.URL(t)
	begun, ended := make(chan context.Context, 2), make(chan struct{}, 2)
	open := make(chan struct{})

	jobs := map[string]define.Job{"long": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()})}
	run := func(ctx context.Context, _ handlers.Task, in workIn) (workOut, error) {
		begun <- ctx

		select {
		case <-open:
		case <-ctx.Done():
			ended <- struct{}{}
		}

		return workOut(in), ctx.Err()
	}

	store := &blindStore{}
	store.blind.Store(true)

	config := func(c *coremachine.Config) { shortGrace(c); c.Lease = time.Minute }
	blind := start(t, enginetest.Options{
		URL: url, Jobs: jobs, Handlers: handlersOf(run), Dispatch: enginetest.Queue,
		Config: func(c *coremachine.Config) { config(c); store.Store, c.Store = c.Store, store },
	})

	id := blind.Submit("long", `{"n":1}`)
	old := receive(t, begun)

	blind.Process(0).StopReceiving() // the other process receives the stop

	other := enginetest.Start(t, enginetest.Options{
		URL: url, Jobs: jobs, Handlers: handlersOf(run), Dispatch: enginetest.Queue, Config: config,
	})
	if err := other.Process(0).Machine.Cancel(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}

	other.Wait(id).MustBe(t, state.JobCancelled)
	other.Process(0).StopReceiving()

	if err := other.Process(0).Machine.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}

	other.Submit("long", `{"n":1}`)

	var handled sync.WaitGroup
	defer handled.Wait()

	release := sync.OnceFunc(func() { close(open) })
	defer release()

	for _, msg := range waiting(t, other.Pool()) {
		handled.Go(func() { _ = blind.Process(0).Machine.Handle(context.Background(), msg) })
	}

	fresh := receive(t, begun)
	if old.Err() != nil {
		t.Fatal("the old handler has ended before the process looked")
	}

	store.blind.Store(false)
	receive(t, ended)

	looked := store.looked.Load()

	until(t, "the process has looked twice more", func() bool {
		return store.looked.Load() > looked+2 || fresh.Err() != nil
	})

	if old.Err() == nil || fresh.Err() != nil {
		t.Fatalf("the old handler's context: %v, the new one's: %v", old.Err(), fresh.Err())
	}

	release()
	other.Wait(id).MustBe(t, state.JobCompleted)
}

// blindStore fails to look for jobs that are being stopped while it is blind.
type blindStore struct {
	coremachine.Store
	blind  atomic.Bool
	looked atomic.Int64
}

func (s *blindStore) StoppingJobs(ctx context.Context, of []state.JobRef) ([]state.JobRef, error) {
	if s.blind.Load() {
		return nil, errConnectionLost
	}

	defer s.looked.Add(1)

	return s.Store.StoppingJobs(ctx, of)
}

func receive[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()

	select {
	case v = <-from:
	case <-time.After(time.Minute):
		t.Fatal("nothing happened within a minute")
	}

	return v
}

// waiting returns the messages that a transport could deliver now.
func waiting(t *testing.T, pool *pgxpool.Pool) []state.Message {
	t.Helper()

	found, err := pool.Query(
		t.Context(),
		`select job_id, message_id, kind, queue, gen, count, attempt, send from messages where worker_id is null`,
	)
	if err != nil {
		t.Fatal(err)
	}

	all, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (state.Message, error) {
		m := state.Message{V: state.EnvelopeVersion}

		var job []byte

		err := row.Scan(&job, &m.MessageID, &m.Kind, &m.Queue, &m.Gen, &m.Count, &m.Attempt, &m.Send)
		copy(m.JobID[:], job)

		return m, err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d messages wait; %v", len(all), err)
	}

	return all
}

func claimOne(t *testing.T, r *repo.Repo, worker uuid.UUID, msg state.Message) state.ClaimedMessage {
	t.Helper()

	claimed, err := r.Claim(t.Context(), worker, []state.Message{msg})
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %d messages, %v", len(claimed), err)
	}

	return claimed[0]
}
