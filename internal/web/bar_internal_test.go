package web

import (
	"math"
	"math/rand/v2"
	"testing"

	"coremachine/internal/view"
)

func TestBarShowsEveryStatusPresent(t *testing.T) {
	t.Parallel()

	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 4))
		some := func() int { return r.IntN(2) * r.IntN(1+r.IntN(1_000_000)) }
		c := view.TaskCounts{
			Queued:    some(),
			Running:   some(),
			Completed: some(),
			Failed:    some(),
			Cancelled: some(),
		}

		x, seen := 0.0, map[string]bool{}
		for _, s := range stack(c, 188) {
			if math.Abs(s.X-x) > 1e-6 || s.W < minSlice-1e-6 {
				t.Fatalf("seed %d: %+v has the segment %+v at %f", seed, c, s, x)
			}

			x += s.W
			seen[s.Class] = true
		}

		if c != (view.TaskCounts{}) && math.Abs(x-188) > 1e-6 {
			t.Fatalf("seed %d: %+v fills %f of 188", seed, c, x)
		}

		if seen["failed"] != (c.Failed > 0) || seen["running"] != (c.Running > 0) ||
			seen["completed"] != (c.Completed > 0) {
			t.Fatalf("seed %d: %+v shows %v", seed, c, seen)
		}
	}
}

func TestSparkHasGapsForUnknownValues(t *testing.T) {
	t.Parallel()

	number := func(n int) *int { return &n }

	got := drawSpark([]*int{number(0), number(10), nil, number(5)})
	if want := "M112.1 22.0h0.1L114.1 2.0M118.0 12.0h0.1"; got.D != want || got.Max != 10 || got.Now != 5 {
		t.Errorf("got %+v, want %s", got, want)
	}

	if flat := drawSpark(
		[]*int{number(0), number(0)},
	); flat.D != "M116.0 22.0h0.1L118.0 22.0" ||
		flat.Max != 0 {
		t.Errorf("zeros are drawn as %+v", flat)
	}

	if none := drawSpark(nil); none.D != "" {
		t.Errorf("without readings: got %+v", none)
	}
}
