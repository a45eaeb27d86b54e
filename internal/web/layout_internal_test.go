package web

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// graphOf returns random stages, each of which depends on some earlier stages.
func graphOf(r *rand.Rand, n int) [][]int {
	deps := make([][]int, n)
	for i := 1; i < n; i++ {
		for range r.IntN(4) {
			if d := r.IntN(i); !slices.Contains(deps[i], d) {
				deps[i] = append(deps[i], d)
			}
		}
	}

	return deps
}

func TestStagesNeverOverlap(t *testing.T) {
	t.Parallel()

	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		deps := graphOf(r, 1+r.IntN(60))

		p := lay(deps, -1)
		for _, column := range p.columns {
			for i := 1; i < len(column); i++ {
				a, b := &p.vertices[column[i-1]], &p.vertices[column[i]]
				if gap := (b.y - b.height()/2) - (a.y + a.height()/2); gap < rowGap-1e-6 {
					t.Fatalf("seed %d: two items of a column are only %.2f apart", seed, gap)
				}
			}
		}

		for i := range p.vertices {
			if v := &p.vertices[i]; v.y-v.height()/2 < -1e-6 || v.y+v.height()/2 > p.height+1e-6 {
				t.Fatalf("seed %d: an item is outside the drawing", seed)
			}
		}
	}
}

func TestEdgesGoFromColumnToColumn(t *testing.T) {
	t.Parallel()

	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		deps := graphOf(r, 1+r.IntN(60))
		p := lay(deps, -1)

		n := 0
		for _, d := range deps {
			n += len(d)
		}

		if len(p.edges) != n {
			t.Fatalf("seed %d: %d edges of %d are drawn", seed, len(p.edges), n)
		}

		for _, e := range p.edges {
			for i := 1; i < len(e.path); i++ {
				if p.vertices[e.path[i]].column != p.vertices[e.path[i-1]].column+1 {
					t.Fatalf("seed %d: an edge skips a column and may cross a stage", seed)
				}

				if inner := i < len(e.path)-1; inner != (p.vertices[e.path[i]].stage < 0) {
					t.Fatalf("seed %d: an edge passes through a stage", seed)
				}
			}
		}
	}
}

func TestTwoArmsDoNotCross(t *testing.T) {
	t.Parallel()
	// 0 splits into 1 and 2, 3 follows 2, and 4 follows 1. If the arms were
	// drawn in the order of their numbers, they would cross.
	if p := lay([][]int{{}, {0}, {0}, {2}, {1}}, -1); p.crossings() != 0 {
		t.Errorf("%d crossings, want 0", p.crossings())
	}
}

// TestFinallyStagesAreDrawnApart places finally stages, which depend on no other
// stage, behind all others.
func TestFinallyStagesAreDrawnApart(t *testing.T) {
	t.Parallel()

	p := lay([][]int{{}, {0}, {}, {}, {2, 3}}, 2)

	for i, want := range []int{0, 1, 2, 2, 3} {
		if got := p.vertices[i].column; got != want {
			t.Errorf("stage %d is in column %d, want %d", i, got, want)
		}
	}
}
