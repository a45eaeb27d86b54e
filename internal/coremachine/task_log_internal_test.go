package coremachine

import (
	"log/slog"
	"testing"
)

// TestTaskLogEndsWithItsAttempt logs after the attempt has ended, as an
// abandoned handler does.
func TestTaskLogEndsWithItsAttempt(t *testing.T) {
	t.Parallel()

	log := &taskLog{}
	to := slog.New(log.handler(slog.DiscardHandler))
	to.Info("in time")

	if got := log.take(7, true); got == nil || got.Incarnation != 7 || got.Dropped != 0 {
		t.Errorf("got %+v", got)
	}

	for range 100 {
		to.Info("too late")
	}

	if len(log.lines) != 0 || log.take(7, true) != nil {
		t.Errorf("%d lines were collected after the end", len(log.lines))
	}
}

// sink keeps the compiler from leaving out what is measured.
var sink *slog.Logger

// TestTaskLogCostsLittleWithoutLines holds what an attempt costs that logs
// nothing.
func TestTaskLogCostsLittleWithoutLines(t *testing.T) { //nolint:paralleltest // it counts allocations
	got := testing.AllocsPerRun(100, func() {
		log := &taskLog{}
		sink = slog.New(log.handler(slog.DiscardHandler))

		if log.take(1, false) != nil {
			t.Error("lines are kept that were not logged")
		}
	})
	if got > 2 {
		t.Errorf("an attempt without lines has %v allocations, want at most 2", got)
	}
}
