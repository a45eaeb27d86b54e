package repo_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// TestOnlyTheHolderKeepsLogs records the ends of attempts by another worker and
// under a past attempt.
func TestOnlyTheHolderKeepsLogs(t *testing.T) {
	t.Parallel()

	pool := pgtest.Schema(t)
	r := repo.New(pool)
	_, worker, held := heldMessages(t, pool, "logs", 1, 10)
	end := state.TaskEnd{
		JobID: held[0].JobID, MessageID: held[0].MessageID, Attempt: 1, Gen: 1, Status: state.TaskCompleted,
		Result: []byte(`{}`), StartedAt: time.Now().Add(-time.Minute),
		Log: &state.TaskLog{Incarnation: 1, Lines: []byte(`[]`)},
	}

	complete := func(worker uuid.UUID, end state.TaskEnd) (logs int) {
		t.Helper()

		if _, err := r.Complete(t.Context(), state.LocalCapacity{Worker: worker}, []state.TaskEnd{end}); err != nil {
			t.Fatal(err)
		}

		if err := pool.QueryRow(t.Context(), `select count(*) from task_logs`).Scan(&logs); err != nil {
			t.Fatal(err)
		}

		return logs
	}

	if n := complete(uuid.New(), end); n != 0 {
		t.Errorf("another worker kept %d logs", n)
	}

	past := end
	past.Attempt = 2

	if n := complete(worker, past); n != 0 {
		t.Errorf("another attempt kept %d logs", n)
	}

	for range 2 { // a repeat changes nothing
		if n := complete(worker, end); n != 1 {
			t.Errorf("the holder kept %d logs, want 1", n)
		}
	}
}
