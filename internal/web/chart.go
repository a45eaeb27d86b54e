package web

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// chart is a drawing of lines over a window of time, for the template "chart".
// It has no text of its own, so that it can be stretched to any width.
type chart struct {
	Title string
	Lines []chartLine
	Label string // the drawing in words
	Marks [3]time.Time
}

// chartLine is one line. Lines differ in colour and in their dashes.
type chartLine struct {
	Name  string
	Class string // a, b or c
	D     string // path data; unknown steps are gaps
	Max   string
	Last  string // the value of the last step; a dash if it is unknown
}

// Sizes of the drawing. The margin leaves space for the width of a line.
const (
	chartWidth  = 600.0
	chartHeight = 96.0
	chartMargin = 3.0
)

// series is the data of a line. A nil value is unknown.
type series struct {
	name   string
	points []*float64
}

// drawChart draws lines with one scale.
func drawChart(title string, say func(float64) string, marks [3]time.Time, all ...series) chart {
	c := chart{Title: title, Marks: marks}
	top := 0.0

	for _, s := range all {
		top = max(top, highest(s.points))
	}

	var (
		words []string
		gaps  string
	)

	for i, s := range all {
		line := chartLine{
			Name:  s.name,
			Class: string(rune('a' + i)),
			D:     linePath(s.points, top, chartWidth, chartHeight, chartMargin),
			Max:   say(highest(s.points)),
			Last:  "–",
		}

		if n := len(s.points); n > 0 && s.points[n-1] != nil {
			line.Last = say(*s.points[n-1])
		}

		if slices.Contains(s.points, nil) {
			gaps = "; with gaps"
		}

		c.Lines = append(c.Lines, line)
		words = append(words, fmt.Sprintf("%s at most %s, last %s", s.name, line.Max, line.Last))
	}

	c.Label = title + ": " + strings.Join(words, "; ") + gaps

	return c
}

func highest(points []*float64) float64 {
	top := 0.0

	for _, p := range points {
		if p != nil {
			top = max(top, *p)
		}
	}

	return top
}

// linePath returns the path of a line over the whole width. A line of zeros is
// at the bottom, and a known step between unknown ones is a short line.
func linePath(points []*float64, top, width, height, margin float64) string {
	var d strings.Builder

	step := (width - 2*margin) / float64(max(len(points)-1, 1))
	pen := false

	for i, p := range points {
		if p == nil {
			pen = false
			continue
		}

		x, y := margin+float64(i)*step, height-margin
		if top > 0 {
			y -= (height - 2*margin) * *p / top
		}

		if pen {
			fmt.Fprintf(&d, "L%.1f %.1f", x, y)
		} else {
			fmt.Fprintf(&d, "M%.1f %.1fh%.1f", x, y, min(step/2, 1))
		}

		pen = true
	}

	return d.String()
}
