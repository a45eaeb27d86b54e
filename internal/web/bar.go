package web

import "coremachine/internal/state"

// slice is one piece of a stacked bar.
type slice struct {
	Class string
	X, W  float64
}

// leastSlice keeps 43 of 10,000 visible.
const leastSlice = 2.0

// stack divides a bar by what became of tasks. Every piece that is not empty is
// at least leastSlice wide, at the cost of the widest. Failures stand before
// what runs, next to what they spoil; the rest of the bar is what has not
// begun.
func stack(c state.TaskCounts, width float64) []slice {
	counts := []struct {
		class string
		n     int
	}{{"completed", c.Completed}, {"failed", c.Failed}, {"cancelled", c.Cancelled}, {"running", c.Running}, {"queued", c.Queued}}

	total := 0
	for _, one := range counts {
		total += one.n
	}

	if total == 0 {
		return nil
	}

	var pieces []slice

	widest, sum := 0, 0.0

	for _, one := range counts {
		if one.n == 0 {
			continue
		}

		w := max(width*float64(one.n)/float64(total), leastSlice)
		pieces = append(pieces, slice{Class: one.class, W: w})

		sum += w
		if w > pieces[widest].W {
			widest = len(pieces) - 1
		}
	}

	pieces[widest].W -= sum - width

	x := 0.0
	for i := range pieces {
		pieces[i].X = x
		x += pieces[i].W
	}

	return pieces
}

// done is how many tasks have ended, however.
func done(c state.TaskCounts) int { return c.Completed + c.Failed + c.Cancelled }
