package repo_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// TestReturningProcessTakesBackItsLosses has a process lose its lease and open
// another one, with its work requeued or not. Tasks must not keep a loss that
// this process caused, even if it rejoins repeatedly.
func TestReturningProcessTakesBackItsLosses(t *testing.T) {
	t.Parallel()

	rejoin := func(h *manualJob, worker uuid.UUID, want int, claimed ...state.ClaimedMessage) {
		t.Helper()

		excused, _, err := h.Rejoin(t.Context(), worker, claimed)
		if err != nil || excused != want {
			t.Errorf("%d losses were removed, want %d; %v", excused, want, err)
		}
	}
	lose := func(h *manualJob, kind state.MessageKind) (uuid.UUID, state.ClaimedMessage) {
		t.Helper()

		worker := uuid.New()
		h.lease(worker, 50*time.Millisecond)
		held := h.claim(worker, kind, 1)[0]

		until(
			t,
			"its lease has expired",
			func() bool { return h.one(`select count(*) from workers where lease_until > now()`) == 2 },
		)

		return worker, held
	}

	t.Run("BeforeReclaim", func(t *testing.T) {
		t.Parallel()
		h := newManualJob(t, `{"n":4}`, fourInABundle)
		worker, held := lose(h, state.KindTasks)
		rejoin(h, worker, 0, held)
		h.count(1, `select count(*) from messages where worker_id is null and losses = 0 and count = 4`)
		h.count(0, `select count(*) from attempts`)

		if n := reclaimAll(t, h.Repo); n != 0 {
			t.Errorf("%d tasks were requeued as orphaned", n)
		}
	})

	t.Run("AfterReclaim", func(t *testing.T) {
		t.Parallel()
		h := newManualJob(t, `{"n":4}`, fourInABundle)

		worker, held := lose(h, state.KindTasks)
		if n := reclaimAll(t, h.Repo); n != 4 {
			t.Errorf("%d tasks were requeued, want 4", n)
		}

		h.count(4, `select count(*) from tasks where losses = 1`)
		rejoin(h, h.b, 0, held) // keeps losses that another process caused
		rejoin(h, worker, 4, held)
		rejoin(h, worker, 0, held)
		h.count(4, `select count(*) from tasks where losses = 0 and status = 'queued' and attempt = 1`)
		h.count(
			4,
			`select count(*) from attempts where outcome = 'interrupted' and not final and fingerprint is null`,
		)

		for _, one := range h.claim(h.a, state.KindTasks, 4) {
			h.complete(h.a, 1, end(one, one.First))
		}
	})

	t.Run("TaskFailedByLosses", func(t *testing.T) {
		t.Parallel()

		h := newManualJob(t, `{"n":1}`, fourInABundle)
		for range state.MaxLosses - 1 { // these processes have died
			lose(h, state.KindTasks)
			reclaimAll(t, h.Repo)
		}

		worker, held := lose(h, state.KindTasks)
		reclaimAll(t, h.Repo)
		rejoin(h, worker, 0, held)
		h.count(1, `select count(*) from tasks where status = 'failed' and losses = 5`)
	})

	t.Run("Plan", func(t *testing.T) {
		t.Parallel()
		h := newManualJob(
			t,
			`{"n":4}`,
			define.Stage[params]{Name: "planned", Tasks: spread("only")},
			define.Stage[params]{Name: "only", Tasks: dynamic()},
		)
		worker, held := lose(h, state.KindPlan)
		reclaimAll(t, h.Repo)
		h.count(1, `select count(*) from messages where kind = 1 and losses = 1`)
		rejoin(h, worker, 1, held)
		rejoin(h, worker, 0, held)
		h.count(1, `select count(*) from messages where kind = 1 and losses = 0 and worker_id is null`)
	})
}
