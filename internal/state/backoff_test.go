package state_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"coremachine/internal/state"
)

func TestBackoffGrowsToItsCap(t *testing.T) {
	t.Parallel()

	b := state.Backoff{Attempts: 12, Base: 50 * time.Millisecond, Factor: 2, Cap: 2 * time.Second}

	want := []int64{50, 100, 200, 400, 800, 1600, 2000, 2000}
	for i, w := range want {
		if got := b.Delay(i+1, 0.5).Milliseconds(); got != w {
			t.Errorf("Delay(%d) = %d ms, want %d", i+1, got, w)
		}
	}

	if b.Exhausted(11) || !b.Exhausted(12) {
		t.Error("12 attempts are spent by the 12th failure, not before")
	}
}

func TestBackoffIsNeverNegativeNorOverItsCap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := state.Backoff{
			Attempts: 1,
			Base:     time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "base")),
			Factor:   rapid.Float64Range(1, 1e9).Draw(t, "factor"),
			Cap: time.Duration(
				rapid.Int64Range(1, 1<<45).Draw(t, "cap"),
			),
			Jitter: rapid.Float64Range(0, 1).Draw(t, "jitter"),
		}

		d := b.Delay(
			rapid.IntRange(-1, 1<<30).Draw(t, "failures"),
			rapid.Float64Range(0, 0.999).Draw(t, "random"),
		)
		if d < 0 || d > b.Cap {
			t.Errorf("Delay = %s with cap %s", d, b.Cap)
		}
	})
}
