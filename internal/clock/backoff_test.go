package clock_test

import (
	"testing"
	"time"

	"coremachine/internal/clock"
)

func TestBackoffDoublesUpToItsMaximum(t *testing.T) {
	t.Parallel()

	b := clock.Backoff{Min: 100 * time.Millisecond, Max: 500 * time.Millisecond}

	for range 2 {
		for _, millis := range []int{100, 200, 400, 500, 500, 500} {
			whole := time.Duration(millis) * time.Millisecond
			if got := b.Next(); got < whole/2 || got > whole {
				t.Errorf("got %s, want between %s and %s", got, whole/2, whole)
			}
		}

		b.Reset()
	}
}
