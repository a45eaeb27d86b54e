package e2e_test

import (
	"testing"
	"time"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// TestRetryIsNotDroppedAsDuplicate stops a job twice and retries it twice, all
// within the duplicate detection window of the bus. The bus must not drop the
// second stop, nor tasks that were sent before and never ran.
func TestRetryIsNotDroppedAsDuplicate(t *testing.T) {
	t.Parallel()
	h, b := startOnBus(t, pgtest.URL(t), sbfake.Options{})

	id := h.submit(t, "small_bundles", `{"n":3000}`)
	for range 2 {
		if err := h.machine.Cancel(t.Context(), id, "test"); err != nil {
			t.Fatal(err)
		}

		waitFor(
			t,
			time.Minute,
			"the job is cancelled",
			func() bool { return h.status(t, id) == state.JobCancelled },
		)

		if _, err := h.machine.Retry(t.Context(), id, "test", ""); err != nil {
			t.Fatal(err)
		}
	}

	waitFor(t, time.Minute, "the job ends", func() bool { return h.status(t, id).Ended() })

	if got := h.status(t, id); got != state.JobCompleted {
		t.Fatalf("the job is %s", got)
	}

	mustBeTheSum(t, h, id, 3000)
	mustLeaveNothing(t, h, b)
}
