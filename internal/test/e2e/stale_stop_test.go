package e2e_test

import (
	"testing"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
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

func claimOne(t *testing.T, r *repo.Repo, worker uuid.UUID, msg state.Message) state.ClaimedMessage {
	t.Helper()

	claimed, err := r.Claim(t.Context(), worker, []state.Message{msg})
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %d messages, %v", len(claimed), err)
	}

	return claimed[0]
}
