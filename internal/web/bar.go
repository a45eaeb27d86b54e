package web

import "coremachine/internal/view"

// slice is one segment of a stacked bar.
type slice struct {
	Class string
	X, W  float64
}

// minSlice keeps 43 of 10,000 visible.
const minSlice = 2.0

// stack divides a bar by the statuses of tasks. Every segment that is not empty
// is at least minSlice wide, at the expense of the widest. Failures come
// before running tasks. The rest of the bar stands for tasks that have not
// started.
func stack(c view.TaskCounts, width float64) []slice {
	counts := []struct {
		class string
		n     int
	}{
		{"completed", c.Completed},
		{"failed", c.Failed},
		{"cancelled", c.Cancelled},
		{"running", c.Running},
		{"queued", c.Queued},
	}

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

		w := max(width*float64(one.n)/float64(total), minSlice)
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
