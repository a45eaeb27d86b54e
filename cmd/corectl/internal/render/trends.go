package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/view"
)

// trendLine is one line of a drawing of trends. A nil value is unknown.
type trendLine struct {
	name string
	say  func(float64) string
	of   func(view.TrendStep) *float64
}

// Trends shows how the last hour compares, a line for each number of the window,
// and the numbers of each job type.
func (s Style) Trends(v view.TrendsView) []string {
	ink := Green

	switch v.Usual.Verdict {
	case view.TrendUnusual:
		ink = Yellow
	case view.TrendUnknown:
		ink = Plain
	}

	var lines []string
	for _, line := range Wrap(s.Own(s.Plain(v.Usual.Text)), s.Width) {
		lines = append(lines, s.Paint(ink, line))
	}

	lines = append(lines, "")
	for _, one := range trendLines(v) {
		lines = append(lines, s.trend(v, one))
	}

	if len(v.Types) == 0 {
		return lines
	}

	return append(append(lines, ""), s.trendTypes(v)...)
}

func trendLines(v view.TrendsView) []trendLine {
	per := func(units float64, of func(view.TrendCounts) int64) func(view.TrendStep) *float64 {
		return func(step view.TrendStep) *float64 { return step.Per(units, of) }
	}
	minutes := float64(v.Step) / 60

	lines := []trendLine{
		{"tasks/s", decimal, per(float64(v.Step), view.TrendCounts.TasksEnded)},
		{"failed/min", decimal, per(minutes, func(c view.TrendCounts) int64 { return c.TasksFailed })},
		{"retries/min", decimal, per(minutes, func(c view.TrendCounts) int64 { return c.Retries })},
		{"jobs/min", decimal, per(minutes, view.TrendCounts.JobsEnded)},
	}
	if v.JobType != "" {
		return lines
	}

	return append(lines,
		trendLine{"waiting", func(n float64) string { return Count(int(n)) }, view.TrendStep.Waiting},
		trendLine{"oldest", duration, view.TrendStep.Oldest})
}

func decimal(n float64) string {
	if n == 0 || n >= 100 {
		return Count(int(n))
	}

	return strconv.FormatFloat(n, 'f', 1, 64)
}

func duration(secs float64) string {
	return view.FormatDuration(time.Duration(secs * float64(time.Second)))
}

// trendNumbers is the space that the name and the numbers of a line need.
const trendNumbers = 40

// trend draws one line. Steps are joined if the line is too narrow: a column
// shows the highest of its steps.
func (s Style) trend(v view.TrendsView, one trendLine) string {
	columns := len(v.Steps)
	if s.Width > 0 {
		columns = max(min(columns, s.Width-trendNumbers), 1)
	}

	points := make([]*float64, columns)

	var top float64

	last := "-"

	for i, step := range v.Steps {
		p := one.of(step)
		if p == nil {
			continue
		}

		at := i * columns / len(v.Steps)
		if points[at] == nil || *points[at] < *p {
			points[at] = p
		}

		top = max(top, *p)

		if i == len(v.Steps)-1 {
			last = one.say(*p)
		}
	}

	return strings.TrimRight(fmt.Sprintf("%-12s%s  max %s, last %s",
		one.name, s.spark(points, top), one.say(top), last), " ")
}

// spark draws one character for each point. An unknown point is a space.
func (s Style) spark(points []*float64, top float64) string {
	levels := []rune("▁▂▃▄▅▆▇█")
	if s.ASCII {
		levels = []rune("_.-=+*#@")
	}

	var b strings.Builder

	for _, p := range points {
		switch {
		case p == nil:
			b.WriteByte(' ')
		case top == 0:
			b.WriteRune(levels[0])
		default:
			b.WriteRune(levels[int(*p/top*float64(len(levels)-1)+0.5)])
		}
	}

	return s.Paint(Blue, b.String())
}

func (s Style) trendTypes(v view.TrendsView) []string {
	columns := []Column{
		{Head: "TYPE", Cut: 8},
		{Head: "STARTED", Right: true, Drop: 3},
		{Head: "ENDED", Right: true},
		{Head: "FAILED", Right: true},
		{Head: "TASKS", Right: true, Drop: 1},
		{Head: "FAILED", Right: true, Drop: 2},
		{Head: "RETRIES", Right: true, Drop: 4},
	}

	rows := make([][]string, len(v.Types))
	for i, t := range v.Types {
		rows[i] = []string{
			s.Plain(t.JobType), Count(int(t.JobsStarted)), Count(int(t.JobsEnded())), Count(int(t.JobsFailed)),
			Count(int(t.TasksEnded())), Count(int(t.TasksFailed)), Count(int(t.Retries)),
		}
	}

	return s.Table(columns, rows, func(r, c int) Ink {
		if c == 3 && v.Types[r].JobsFailed > 0 || c == 5 && v.Types[r].TasksFailed > 0 {
			return Red
		}

		return Plain
	})
}

// TrendsTabbed lists the steps for other programs: time, jobs started, ended and
// failed, tasks ended and failed, retries, messages waiting, oldest in seconds.
// What is not recorded is empty.
func TrendsTabbed(v view.TrendsView) []string {
	rows := make([][]string, len(v.Steps))
	for i, step := range v.Steps {
		row := []string{stamp(&step.At), "", "", "", "", "", "", "", ""}

		if c := step.Counts; c != nil {
			for at, n := range []int64{
				c.JobsStarted, c.JobsEnded(), c.JobsFailed, c.TasksEnded(), c.TasksFailed, c.Retries,
			} {
				row[1+at] = strconv.FormatInt(n, 10)
			}
		}

		if step.Queues != nil {
			row[7] = strconv.Itoa(int(*step.Waiting()))
			row[8] = strconv.FormatFloat(*step.Oldest(), 'f', 1, 64)
		}

		rows[i] = row
	}

	return Tabbed(rows)
}
