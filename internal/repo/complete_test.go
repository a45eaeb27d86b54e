package repo_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/coremachine"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// manualJob is one job whose messages a test claims and completes itself, in
// place of two processes a and b.
type manualJob struct {
	*repo.Repo
	t    *testing.T
	url  string
	m    *coremachine.Machine // submits; it has no lease
	id   state.JobID
	a, b uuid.UUID
	sent statements
	held state.ClaimedMessage // of tests that claim one message
}

func newManualJob(t *testing.T, body string, stages ...define.Stage[params]) *manualJob {
	t.Helper()
	h := &manualJob{url: pgtest.URL(t), t: t, a: uuid.New(), b: uuid.New()}

	r, err := repo.Open(t.Context(), repo.Config{URL: h.url, MaxConns: 2, Fault: h.sent.at})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)
	h.Repo = r
	h.m = coremachine.New(
		coremachine.Config{
			Jobs:     map[string]define.Job{"job": tolerant(stages...)},
			Handlers: handlersOf(echo),
			Store:    r,
		},
	)

	res, err := h.m.Submit(t.Context(), coremachine.SubmitRequest{Type: "job", Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}

	h.id = res.JobID
	for _, worker := range []uuid.UUID{h.a, h.b} {
		h.lease(worker, time.Minute)
	}

	t.Cleanup(func() {
		found, err := enginetest.InvariantViolations(context.WithoutCancel(t.Context()), r.Pool())
		if err != nil || len(found) > 0 {
			t.Errorf("invariants are violated: %q, %v", found, err)
		}
	})

	return h
}

func (h *manualJob) lease(worker uuid.UUID, d time.Duration) {
	h.t.Helper()

	if err := h.OpenLease(h.t.Context(), worker, d, "test", "test", 1); err != nil {
		h.t.Fatal(err)
	}
}

// claim claims all messages of a kind. It fails the test if their number is not
// want.
func (h *manualJob) claim(worker uuid.UUID, kind state.MessageKind, want int) []state.ClaimedMessage {
	h.t.Helper()

	rows, err := h.Pool().
		Query(h.t.Context(), `select message_id from messages where job_id = $1 and kind = $2`, h.id[:], int16(kind))
	if err != nil {
		h.t.Fatal(err)
	}

	msgs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m state.Message, err error) {
		m.JobID = h.id
		return m, row.Scan(&m.MessageID)
	})
	if err != nil {
		h.t.Fatal(err)
	}

	claimed, err := h.Claim(h.t.Context(), worker, msgs)
	if err != nil || len(claimed) != want {
		h.t.Fatalf("%d of %d messages were claimed, want %d; %v", len(claimed), len(msgs), want, err)
	}

	return claimed
}

func end(h state.ClaimedMessage, index int) state.TaskEnd {
	return state.TaskEnd{
		JobID: h.JobID, MessageID: h.MessageID, Attempt: h.Attempt, Stage: h.Stage, Gen: h.Gen, Index: index,
		Status: state.TaskCompleted, Result: []byte(`{"value":1}`), StartedAt: h.ClaimedAt,
	}
}

// retried turns the end of a task into that of a failed attempt that is
// followed by another attempt.
func retried(e state.TaskEnd) state.TaskEnd {
	e.Status = state.TaskQueued
	e.Result = nil
	e.Outcome = state.OutcomeError
	e.Code = state.CodeTaskError
	e.Error = "once"
	e.Delay = time.Hour

	return e
}

// complete records ends. It fails the test if the number that lands is not
// want.
func (h *manualJob) complete(worker uuid.UUID, want int, ends ...state.TaskEnd) {
	h.t.Helper()

	effects, err := h.Complete(h.t.Context(), state.LocalCapacity{Worker: worker}, ends)
	if err != nil || effects.Landed != want {
		h.t.Errorf("%d ends landed, want %d; %v", effects.Landed, want, err)
	}
}

func (h *manualJob) count(want int, sql string) {
	h.t.Helper()

	var got int
	if err := h.Pool().QueryRow(h.t.Context(), sql).Scan(&got); err != nil || got != want {
		h.t.Errorf("%s: %d, want %d; %v", sql, got, want, err)
	}
}

func (h *manualJob) release(worker uuid.UUID, claimed state.ClaimedMessage) {
	h.t.Helper()

	if _, err := h.Release(h.t.Context(), worker, claimed, 0, ""); err != nil {
		h.t.Fatal(err)
	}
}

var fourInABundle = define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 4}

func TestOnlyClaimingAttemptCompletes(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":4}`, fourInABundle)
	first := h.claim(h.a, state.KindTasks, 1)[0]
	h.claim(h.b, state.KindTasks, 0)
	h.complete(h.b, 0, end(first, 0))
	h.release(h.a, first)
	h.complete(h.a, 0, end(first, 0))

	second := h.claim(h.a, state.KindTasks, 1)[0]
	if second.Attempt != first.Attempt+1 {
		t.Errorf("the second claim is attempt %d, want %d", second.Attempt, first.Attempt+1)
	}

	h.complete(h.a, 0, end(first, 0)) // the worker has claimed it again, under another attempt
	h.complete(h.a, 1, end(second, 0))
	h.complete(h.a, 3, end(second, 0), end(second, 1), end(second, 2), end(second, 3))
	h.count(1, `select count(*) from jobs where status = 'completed'`)
}

// TestRepeatedCompletionLandsOnce repeats a batch whose answer was lost, while
// the rest of its bundle is still claimed.
func TestRepeatedCompletionLandsOnce(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":4}`, fourInABundle)
	claimed := h.claim(h.a, state.KindTasks, 1)[0]
	again := retried(end(claimed, 1))
	h.complete(h.a, 2, end(claimed, 0), again)
	h.complete(h.a, 0, end(claimed, 0), again)
	h.count(1, `select count(*) from tasks where failures = 1 and attempt = 1`)
	h.count(1, `select count(*) from attempts`)
	h.count(2, `select count(*) from messages`)
	h.count(2, `select tasks_left from messages where worker_id is not null`)
}

// TestCancelRejectsAttemptsStartedAfterIt accepts the ends of attempts that
// began before the stop, and no others.
func TestCancelRejectsAttemptsStartedAfterIt(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":4}`, define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 2})
	held := h.claim(h.a, state.KindTasks, 2)
	h.release(h.a, held[1])

	if _, _, err := h.Cancel(t.Context(), h.id, "test"); err != nil {
		t.Fatal(err)
	}

	claimed := h.claim(h.b, state.KindStop, 1)
	h.claim(h.b, state.KindTasks, 0)

	late := end(held[0], held[0].First)
	late.StartedAt = late.StartedAt.Add(time.Hour)
	h.complete(h.a, 0, late)
	h.complete(h.a, 1, end(held[0], held[0].First))

	for _, includeHeld := range []bool{false, true} {
		if n, err := h.StopWork(t.Context(), h.b, claimed[0], includeHeld); err != nil || n != 1 {
			t.Errorf("stopping work (claimed too: %t) changed %d rows, want 1; %v", includeHeld, n, err)
		}
	}

	ended, _, err := h.StopEnd(t.Context(), h.a, claimed[0])
	if err != nil || ended {
		t.Errorf("another worker ended the stop: %t, %v", ended, err)
	}

	if ended, _, err = h.StopEnd(t.Context(), h.b, claimed[0]); err != nil || !ended {
		t.Errorf("the stop did not end: %t, %v", ended, err)
	}

	h.count(3, `select cancelled from stages`)
}

// TestReclaimRequiresExpiredLease reclaims nothing from a worker that is alive,
// and everything from a worker whose lease has expired.
func TestReclaimRequiresExpiredLease(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":4}`, fourInABundle, define.Stage[params]{Name: "planned", Tasks: spread("only")})
	short := uuid.New()
	reclaim := func() int {
		return reclaimAll(t, h.Repo)
	}
	claimed := h.claim(h.a, state.KindTasks, 1)[0]

	if n := reclaim(); n != 0 {
		t.Fatalf("%d tasks of a living worker were reclaimed", n)
	}

	h.release(h.a, claimed)
	h.lease(short, 100*time.Millisecond)
	claimed = h.claim(short, state.KindTasks, 1)[0]

	until(t, "the tasks of the dead worker are reclaimed", func() bool { return reclaim() == 4 })
	h.count(4, `select count(*) from tasks where losses = 1 and attempt = 2`)
	h.count(4, `select count(*) from attempts where outcome = 'lost' and not final`)
	h.complete(short, 0, end(claimed, 0))

	for _, one := range h.claim(h.a, state.KindTasks, 4) { // the bundle was split
		h.complete(h.a, 1, end(one, one.First))
	}

	claimed = h.claim(short, state.KindPlan, 1)[0]

	until(t, "the plan of the dead worker is reclaimed", func() bool { return reclaim() == 1 })

	if landed, err := h.PlanInputs(t.Context(), short, claimed, [][]byte{[]byte(`{}`)}); err != nil || landed {
		t.Errorf("a dead worker planned: %t, %v", landed, err)
	}
}

// TestPlanIsWrittenOnce repeats chunks whose answers were lost, and has another
// worker try to write them.
func TestPlanIsWrittenOnce(t *testing.T) {
	t.Parallel()
	h := newManualJob(
		t,
		`{"n":0}`,
		define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 5},
		define.Stage[params]{Name: "spread", Tasks: spread("many")},
	)

	claimed := h.claim(h.a, state.KindPlan, 1)[0]
	for _, worker := range []uuid.UUID{h.a, h.a, h.b} {
		landed, err := h.PlanComputed(t.Context(), worker, claimed, 5)
		if err != nil || landed != (worker == h.a) {
			t.Errorf("planned by the claiming worker %t: landed %t, %v", worker == h.a, landed, err)
		}
	}

	h.count(5, `select planned from stages where stage = 0`)
	h.count(0, `select count(*) from tasks`) // one without a row is queued

	if _, err := h.PlanEnd(t.Context(), state.LocalCapacity{Worker: h.b}, claimed); err != nil {
		t.Error(err)
	}

	h.count(1, `select count(*) from messages where kind = 1`)

	for range 2 {
		if _, err := h.PlanEnd(t.Context(), state.LocalCapacity{Worker: h.a}, claimed); err != nil {
			t.Error(err)
		}
	}

	h.count(1, `select count(*) from messages`)
	only := h.claim(h.a, state.KindTasks, 1)[0]

	ends := make([]state.TaskEnd, only.Count)
	for i := range ends {
		ends[i] = end(only, i)
	}

	h.complete(h.a, 5, ends...)

	claimed = h.claim(h.a, state.KindPlan, 1)[0]

	for range 2 {
		inputs := [][]byte{[]byte(`1`), []byte(`2`)}
		if landed, err := h.PlanInputs(t.Context(), h.a, claimed, inputs); err != nil || !landed {
			t.Errorf("the chunk: landed %t, %v", landed, err)
		}
	}

	h.count(2, `select count(*) from tasks where stage = 1`)
}

// TestWindowHoldsIfTasksNeverHadMessage follows a stage with failed tasks. The
// successors of failed tasks count as ended although they were never in flight.
func TestWindowHoldsIfTasksNeverHadMessage(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":10}`, define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 10},
		define.Stage[params]{Name: "next", Tasks: follow(), Bundle: 1, Window: 2})
	claimed := h.claim(h.a, state.KindTasks, 1)[0]

	ends := make([]state.TaskEnd, 10)
	for i := range ends {
		ends[i] = end(claimed, i)
		if i >= 4 {
			ends[i].Status = state.TaskFailed
			ends[i].Result = nil
			ends[i].Outcome = state.OutcomePermanent
			ends[i].Code = state.CodePermanent
			ends[i].Error = "permanent"
		}
	}

	h.complete(h.a, 10, ends...)

	plan := h.claim(h.a, state.KindPlan, 1)[0]
	if landed, err := h.PlanComputed(t.Context(), h.a, plan, 10); err != nil || !landed {
		t.Fatalf("planned: %t, %v", landed, err)
	}

	if _, err := h.PlanEnd(t.Context(), state.LocalCapacity{Worker: h.a}, plan); err != nil {
		t.Fatal(err)
	}

	first := h.claim(h.a, state.KindTasks, 2)
	h.complete(h.a, 1, end(first[0], first[0].First))
	h.count(2, `select count(*) from messages`)
	h.complete(h.a, 1, end(first[1], first[1].First))

	for _, one := range h.claim(h.a, state.KindTasks, 2) {
		h.complete(h.a, 1, end(one, one.First))
	}

	h.count(1, `select count(*) from jobs where status = 'completed_with_errors'`)
}
