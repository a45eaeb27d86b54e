package web

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"testing"

	"coremachine/internal/view"
)

var allGridStatuses = []view.GridStatus{
	view.GridFailed,
	view.GridRetrying,
	view.GridRunning,
	view.GridCancelled,
	view.GridCompleted,
	view.GridPartly,
	view.GridQueued,
}

// drawnCells reads the cells back from the paths. A cell that is drawn twice is
// an error.
func drawnCells(t *testing.T, paths []gridPath, columns int) map[int]string {
	t.Helper()

	run := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z`)
	cells := map[int]string{}

	for _, p := range paths {
		rest := run.ReplaceAllString(p.D, "")
		if rest != "" {
			t.Fatalf("unparsed rest of a path: %q", rest)
		}

		for _, m := range run.FindAllStringSubmatch(p.D, -1) {
			var n [5]int
			for i := range n {
				n[i], _ = strconv.Atoi(m[i+1])
			}

			if n[2] != n[4] || n[0]+n[2] > columns {
				t.Fatalf("%q is not a run within %d columns", m[0], columns)
			}

			for y := n[1]; y < n[1]+n[3]; y++ {
				for x := n[0]; x < n[0]+n[2]; x++ {
					if _, twice := cells[y*columns+x]; twice {
						t.Fatalf("cell %d is drawn twice", y*columns+x)
					}

					cells[y*columns+x] = p.Class
				}
			}
		}
	}

	return cells
}

func TestGridPathsCoverEachCellOnce(t *testing.T) {
	t.Parallel()

	classes := map[view.GridStatus]string{}
	for _, c := range gridClasses {
		classes[c.status] = c.class
	}

	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		cell := []int{1, 10, 100}[r.IntN(3)]
		total := 1 + r.IntN(3000)*cell
		v := view.GridView{Cell: cell, Tasks: view.TaskCounts{Total: total}}
		want := map[int]string{}

		for first := 0; first < total; {
			count := min((1+r.IntN(1+r.IntN(400)))*cell, total-first)
			status := allGridStatuses[r.IntN(len(allGridStatuses))]

			v.Ranges = append(v.Ranges, view.GridRange{First: first, Count: count, Status: status})
			for i := first; i < first+count; i += cell {
				want[i/cell] = classes[status]
			}

			first += count
		}

		g := (&Server{}).grid(v)

		got := drawnCells(t, g.Paths, g.Cols)
		if len(got) != len(want) || len(got) != g.Cells {
			t.Fatalf("seed %d: %d cells are drawn of %d", seed, len(got), len(want))
		}

		for i, class := range want {
			if got[i] != class {
				t.Fatalf("seed %d: cell %d is %s, want %s", seed, i, got[i], class)
			}
		}
	}
}

func TestCompletedStageIsOnePath(t *testing.T) {
	t.Parallel()

	v := view.GridView{
		Cell:   1,
		Tasks:  view.TaskCounts{Total: 10_000, Completed: 10_000},
		Ranges: []view.GridRange{{Count: 10_000, Status: view.GridCompleted}},
	}

	g := (&Server{}).grid(v)
	if got, want := fmt.Sprint(g.Paths), "[{completed M0 0h100v100h-100z}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLegendDistinguishesRetryingFromQueued(t *testing.T) {
	t.Parallel()

	v := view.GridView{
		Cell:  1,
		Tasks: view.TaskCounts{Total: 10, Queued: 4, Completed: 6},
		Ranges: []view.GridRange{
			{Count: 6, Status: view.GridCompleted},
			{First: 6, Count: 1, Status: view.GridRetrying},
			{First: 7, Count: 3, Status: view.GridQueued},
		},
	}
	if got, want := gridLabel(
		v,
		gridLegend(v, ""),
	), "10 tasks of : 6 completed, 1 retrying, 3 queued"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
