package pgqueue

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhoFindsNothingLooksLater has a receiver told again and again.
func TestWhoFindsNothingLooksLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			l     lazy
			looks atomic.Int32
		)

		look := func() { looks.Add(1) }
		hear := func(within time.Duration, times int, want int32) {
			t.Helper()
			looks.Store(0)

			for range times {
				l.hear(look)
			}

			atOnce := looks.Load()

			<-time.After(within) // of the bubble's clock
			synctest.Wait()

			if looks := looks.Load(); looks != want || (within == 0) != (atOnce > 0) {
				t.Errorf("%d looks, %d of them at once, within %s; want %d", looks, atOnce, within, want)
			}

			if !l.told.Swap(false) {
				t.Error("the look knows nothing of what was told")
			}
		}
		hear(0, 1, 1)
		l.missed(false) // a look of its own that finds nothing says nothing of others
		hear(0, 2, 2)
		l.missed(true)
		hear(lazyAfterOne, 3, 1)
		l.missed(true)
		hear(lazyAfterMore, 3, 1)
		l.missed(true)
		hear(lazyAfterMore, 1, 1)
		l.found()
		hear(0, 1, 1)
	})
}
