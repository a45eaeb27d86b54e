package web

import (
	"fmt"
	"strings"
)

// spark is a line of numbers over time, for the template "spark".
type spark struct {
	D   string // path data, the latest value on the right
	Max int
	Now int
}

// Sizes of the drawing, which is 120 by 24. The margin leaves space for the
// width of the line.
const (
	sparkSteps  = 60
	sparkLeft   = 2.0
	sparkRight  = 118.0
	sparkTop    = 2.0
	sparkBottom = 22.0
)

// drawSpark leaves gaps where values are unknown. A line of zeros is at the
// bottom.
func drawSpark(points []*int) spark {
	var s spark

	for _, p := range points {
		if p != nil {
			s.Max, s.Now = max(s.Max, *p), *p
		}
	}

	var d strings.Builder

	pen := false

	for i, p := range points {
		if p == nil {
			pen = false
			continue
		}

		x := sparkRight - float64(len(points)-1-i)*(sparkRight-sparkLeft)/(sparkSteps-1)

		y := sparkBottom
		if s.Max > 0 {
			y -= (sparkBottom - sparkTop) * float64(*p) / float64(s.Max)
		}

		if pen {
			fmt.Fprintf(&d, "L%.1f %.1f", x, y)
		} else {
			fmt.Fprintf(&d, "M%.1f %.1fh0.1", x, y) // makes a single point visible
		}

		pen = true
	}

	s.D = d.String()

	return s
}
