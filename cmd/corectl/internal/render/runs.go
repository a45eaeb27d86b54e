package render

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"coremachine/internal/view"
)

// RunName is the number of a run.
func RunName(r view.RunView) string { return strconv.Itoa(r.Attempt) }

// Runs lists the runs of a job, newest first, each with its stages.
func (s Style) Runs(runs []view.RunView, now time.Time) []string {
	columns := []Column{
		{Head: "RUN", Right: true},
		{Head: "STATUS"},
		{Head: "CAUSE", Drop: 2},
		{Head: "BEGAN", Drop: 1},
		{Head: "ELAPSED", Right: true},
		{Head: "FAILED", Right: true},
		{Head: "STAGES", Cut: 10, Drop: 3},
	}

	rows := make([][]string, len(runs))
	for i, r := range runs {
		elapsed := "-"
		if d := r.Elapsed(); d != nil {
			elapsed = view.FormatDuration(*d)
		}

		failed, stages := 0, ""

		for _, one := range r.Stages {
			failed += one.Failed

			if stages != "" {
				stages += ", "
			}

			stages += s.Plain(one.Name) + " " + one.Shown()
		}

		rows[i] = []string{
			RunName(r), string(r.Status), r.Cause, Ago(now, r.BeganAt), elapsed, Count(failed), stages,
		}
	}

	return s.Table(columns, rows, nil)
}

// RunsTabbed lists stages by run for other programs: run, status of the run,
// cause, began, ended, stage, its shown status, tasks, completed, failed. A run
// without stages has one row.
func RunsTabbed(runs []view.RunView) []string {
	var rows [][]string

	for _, r := range runs {
		head := []string{RunName(r), string(r.Status), r.Cause, stamp(&r.BeganAt), stamp(r.EndedAt)}
		if len(r.Stages) == 0 {
			rows = append(rows, append(head, "", "", "", "", ""))
		}

		for _, one := range r.Stages {
			rows = append(rows, append(append([]string{}, head...),
				clean(one.Name), one.Shown(), strconv.Itoa(one.Tasks), strconv.Itoa(one.Completed),
				strconv.Itoa(one.Failed)))
		}
	}

	return Tabbed(rows)
}

// compared lists what differs: what it is, and the value of each job. say
// formats a number of seconds.
func (s Style) compared(c view.Comparison, say func(float64) string) [][]string {
	secs := func(v *float64) string {
		if v == nil {
			return "-"
		}

		return say(*v)
	}

	rows := [][]string{
		{"status", string(c.Left.Status), string(c.Right.Status)},
		{"run", strconv.Itoa(c.Left.Attempt), strconv.Itoa(c.Right.Attempt)},
		{"ran", secs(c.Left.RanSeconds), secs(c.Right.RanSeconds)},
		{"tasks", Count(c.Left.Tasks.Total), Count(c.Right.Tasks.Total)},
		{"failed tasks", Count(c.Left.Tasks.Failed), Count(c.Right.Tasks.Failed)},
	}

	for _, p := range c.Parameters {
		rows = append(rows, []string{"parameter " + p.Path, orDash(p.Left), orDash(p.Right)})
	}

	side := func(one *view.StageSide) string {
		if one == nil {
			return "-"
		}

		return fmt.Sprintf("%s, %s, %s, %s failed",
			one.Shown(), secs(one.RanSeconds), Things(one.Tasks, "task"), Count(one.Failed))
	}

	for _, one := range c.Stages {
		rows = append(rows, []string{"stage " + one.Name, side(one.Left), side(one.Right)})
	}

	for _, f := range c.Failures {
		rows = append(rows, []string{"error in " + f.Stage + ": " + f.Message, Count(f.Left), Count(f.Right)})
	}

	for _, row := range rows {
		for i := range row {
			row[i] = s.Plain(row[i])
		}
	}

	return rows
}

func orDash(v json.RawMessage) string {
	if v == nil || string(v) == "null" {
		return "-"
	}

	return string(v)
}

// Comparison shows two jobs side by side.
func (s Style) Comparison(c view.Comparison) []string {
	columns := []Column{
		{Head: "", Cut: 12},
		{Head: Short(c.Left.JobID), Cut: 9},
		{Head: Short(c.Right.JobID), Cut: 9},
	}

	rows := s.compared(c, duration)
	lines := s.Table(columns, rows, func(r, _ int) Ink {
		if rows[r][1] != rows[r][2] {
			return Bold
		}

		return Plain
	})

	return append(lines, "", Things(c.Equal, "parameter")+" equal")
}

// ComparisonTabbed shows two jobs for other programs: what it is, and the value
// of each job. Durations are in seconds.
func ComparisonTabbed(c view.Comparison) []string {
	return Tabbed(Style{}.compared(c, func(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }))
}
