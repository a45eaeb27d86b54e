package clock_test

import (
	"context"
	"testing"
	"time"

	"coremachine/internal/clock"
)

func TestSleepReportsWhetherTheContextIsOpen(t *testing.T) {
	t.Parallel()

	if !clock.Sleep(t.Context(), 0) || !clock.Sleep(t.Context(), time.Millisecond) {
		t.Error("a sleep under an open context reports that the context ended")
	}

	ended, end := context.WithCancel(t.Context())
	end()

	if clock.Sleep(ended, 0) || clock.Sleep(ended, time.Hour) {
		t.Error("a sleep under an ended context reports that it is open")
	}
}
