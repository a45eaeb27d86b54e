package state_test

import (
	"math"
	"testing"

	"coremachine/internal/state"
)

// TestToleratedIsExactForDecimals compares with integer arithmetic, for every
// tolerance of four decimals.
func TestToleratedIsExactForDecimals(t *testing.T) {
	t.Parallel()

	const steps = 10_000

	for step := range steps + 1 {
		tolerance := float64(step) / steps
		for tasks := range 1001 {
			if got, want := state.Tolerated(tolerance, tasks), step*tasks/steps; got != want {
				t.Fatalf("Tolerated(%v, %d) = %d, want %d", tolerance, tasks, got, want)
			}
		}
	}
}

func TestToleratedOfLargeStagesAndOddShares(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		tolerance   float64
		tasks, want int
	}{
		{0.29, 100, 29},
		{0.29, 99, 28},
		{0.07, 100, 7},
		{0.57, 100, 57},
		{1.0 / 3, 3, 1},
		{2.0 / 3, 3, 2},
		{1.0 / 7, 7_000_000, 1_000_000},
		{0.29, 1_000_000_000, 290_000_000},
		{0.999999999, 1_000_000, 999_999},
		{0.01, math.MaxInt32, 21_474_836},
		{1, math.MaxInt32, math.MaxInt32},
		{0, math.MaxInt32, 0},
		{0.5, 0, 0},
		{0.5, -1, 0},
		{1, 1, 1},
	} {
		if got := state.Tolerated(c.tolerance, c.tasks); got != c.want {
			t.Errorf("Tolerated(%v, %d) = %d, want %d", c.tolerance, c.tasks, got, c.want)
		}
	}
}

func FuzzToleratedIsWithinOneTaskOfTheShare(f *testing.F) {
	f.Add(0.29, int32(100))
	f.Add(1.0/3, int32(3))
	f.Fuzz(func(t *testing.T, tolerance float64, tasks int32) {
		if !(tolerance >= 0 && tolerance <= 1) || tasks < 0 {
			return
		}

		got := state.Tolerated(tolerance, int(tasks))
		if share := tolerance * float64(tasks); float64(got) > share+1e-5 || float64(got) < share-1 {
			t.Errorf("Tolerated(%v, %d) = %d of a share of %v", tolerance, tasks, got, share)
		}

		if got > int(tasks) {
			t.Errorf("Tolerated(%v, %d) = %d", tolerance, tasks, got)
		}
	})
}

func TestTolerancePercentIsWhatWasWritten(t *testing.T) {
	t.Parallel()

	for tolerance, want := range map[float64]string{
		0.29: "29 %", 0.07: "7 %", 1: "100 %", 0.001: "0.1 %", 0.575: "57.5 %",
	} {
		if got := state.TolerancePercent(tolerance); got != want {
			t.Errorf("TolerancePercent(%v) = %q, want %q", tolerance, got, want)
		}
	}
}
