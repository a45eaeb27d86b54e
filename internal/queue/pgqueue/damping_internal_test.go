package pgqueue

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestDampingDelaysWakeUpsAfterMisses notifies a receiver repeatedly.
func TestDampingDelaysWakeUpsAfterMisses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			l     damping
			wakes atomic.Int32
		)

		wake := func() { wakes.Add(1) }
		onNotify := func(within time.Duration, times int, want int32) {
			t.Helper()
			wakes.Store(0)

			for range times {
				l.onNotify(wake)
			}

			immediate := wakes.Load()

			<-time.After(within) // in the time of the synctest bubble
			synctest.Wait()

			if wakes := wakes.Load(); wakes != want || (within == 0) != (immediate > 0) {
				t.Errorf("got %d wake-ups, %d of them immediate, within %s, want %d", wakes, immediate, within, want)
			}

			if !l.notified.Swap(false) {
				t.Error("notified is false after a wake-up")
			}
		}
		onNotify(0, 1, 1)
		l.missed(false) // a query without a notification does not count
		onNotify(0, 2, 2)
		l.missed(true)
		onNotify(maxDelayAfterOne, 3, 1)
		l.missed(true)
		onNotify(maxDelayAfterMore, 3, 1)
		l.missed(true)
		onNotify(maxDelayAfterMore, 1, 1)
		l.found()
		onNotify(0, 1, 1)
	})
}
