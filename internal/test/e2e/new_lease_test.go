package e2e_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// TestReturningProcessTakesBackItsLosses has a process lose its lease, its work
// requeued or not, and come back: no loss of it stays counted, however often it
// says so.
func TestReturningProcessTakesBackItsLosses(t *testing.T) {
	t.Parallel()

	rejoin := func(h *byHand, worker uuid.UUID, want int, lost ...state.Held) {
		t.Helper()

		excused, _, err := h.Rejoin(t.Context(), worker, lost)
		if err != nil || excused != want {
			t.Errorf("%d losses were taken back, want %d; %v", excused, want, err)
		}
	}
	lose := func(h *byHand, kind state.MessageKind) (uuid.UUID, state.Held) {
		t.Helper()

		worker := uuid.New()
		h.lease(worker, 50*time.Millisecond)
		held := h.claim(worker, kind, 1)[0]

		until(
			t,
			"its lease has ended",
			func() bool { return h.one(`select count(*) from workers where lease_until > now()`) == 2 },
		)

		return worker, held
	}

	t.Run("BeforeOthersSawIt", func(t *testing.T) {
		t.Parallel()
		h := doByHand(t, `{"n":4}`, fourInABundle)
		worker, held := lose(h, state.KindTasks)
		rejoin(h, worker, 0, held)
		h.count(1, `select count(*) from messages where worker_id is null and losses = 0 and count = 4`)
		h.count(0, `select count(*) from attempts`)

		if n := freeLost(t, h.Repo); n != 0 {
			t.Errorf("%d tasks were requeued as lost", n)
		}
	})

	t.Run("AfterOthersRequeuedIt", func(t *testing.T) {
		t.Parallel()
		h := doByHand(t, `{"n":4}`, fourInABundle)

		worker, held := lose(h, state.KindTasks)
		if n := freeLost(t, h.Repo); n != 4 {
			t.Errorf("%d tasks were requeued, want 4", n)
		}

		h.count(4, `select count(*) from tasks where losses = 1`)
		rejoin(h, h.b, 0, held) // another's losses are its own
		rejoin(h, worker, 4, held)
		rejoin(h, worker, 0, held)
		h.count(4, `select count(*) from tasks where losses = 0 and status = 'queued' and attempt = 1`)
		h.count(
			4,
			`select count(*) from attempts where outcome = 'interrupted' and not final and fingerprint is null`,
		)

		for _, one := range h.claim(h.a, state.KindTasks, 4) {
			h.book(h.a, 1, end(one, one.First))
		}
	})

	t.Run("ATaskThatEndedByItsLosses", func(t *testing.T) {
		t.Parallel()

		h := doByHand(t, `{"n":1}`, fourInABundle)
		for range state.MaxLosses - 1 { // these processes are gone
			lose(h, state.KindTasks)
			freeLost(t, h.Repo)
		}

		worker, held := lose(h, state.KindTasks)
		freeLost(t, h.Repo)
		rejoin(h, worker, 0, held)
		h.count(1, `select count(*) from tasks where status = 'failed' and losses = 5`)
	})

	t.Run("APlan", func(t *testing.T) {
		t.Parallel()
		h := doByHand(
			t,
			`{"n":4}`,
			define.Stage[params]{Name: "planned", Tasks: spread("only")},
			define.Stage[params]{Name: "only", Tasks: dynamic()},
		)
		worker, held := lose(h, state.KindPlan)
		freeLost(t, h.Repo)
		h.count(1, `select count(*) from messages where kind = 1 and losses = 1`)
		rejoin(h, worker, 1, held)
		rejoin(h, worker, 0, held)
		h.count(1, `select count(*) from messages where kind = 1 and losses = 0 and worker_id is null`)
	})
}
