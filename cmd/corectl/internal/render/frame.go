package render

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Rates holds tasks per second by stage number, as measured between answers.
type Rates map[int]float64

const (
	maxStages  = 12 // maximum number of lines of a frame; further stages are folded into one line
	widestBar  = 20
	minBar     = 6
	widestName = 24
)

// Frame draws one line per stage, within the width of the style. now is the
// local time, for what still runs.
func (s Style) Frame(job view.JobView, rates Rates, now time.Time) []string {
	shown, folded := fold(job.Stages)

	rows := make([]stageRow, len(shown))
	for i, stage := range shown {
		rows[i] = s.stageRow(stage, rates[stage.Stage], now)
	}
	// If the frame is too wide, omit parts one by one: columns of the bar, the
	// bar, the rate, the count. The name and the status always remain.
	for layout := (layout{bar: widestBar, notes: true, counts: true}); ; layout = layout.smaller() {
		lines := s.rows(rows, layout)
		if layout.least() || s.Width < 1 ||
			slices.IndexFunc(lines, func(l string) bool { return Width(l) > s.Width }) < 0 {
			if folded != "" {
				lines = append(lines, s.Cut(s.Own("  "+folded), s.Width))
			}

			return lines
		}
	}
}

type layout struct {
	bar           int
	notes, counts bool
	short         bool // failures replace the status
}

func (l layout) least() bool { return l.short && !l.counts }

func (l layout) smaller() layout {
	switch {
	case l.bar > minBar:
		l.bar--
	case l.bar > 0:
		l.bar = 0
	case l.notes:
		l.notes = false
	case !l.short:
		l.short = true
	default:
		l.counts = false
	}

	return l
}

type stageRow struct {
	name, done, total, status string
	ended, of                 int
	ink                       Ink
	note, failed, cancelled   string
}

func (s Style) stageRow(stage view.StageView, rate float64, now time.Time) stageRow {
	row := stageRow{
		name:   s.Cut(s.Plain(stage.Name), widestName),
		status: stage.Shown(),
		ink:    stageInk(stage),
		ended:  stage.Tasks.Done(),
		of:     stage.Tasks.Total,
		done:   Count(stage.Tasks.Done()),
		total:  stageTotal(stage),
	}
	if stage.Tasks.Failed > 0 {
		row.failed = Count(stage.Tasks.Failed) + " failed"
	}

	if stage.Tasks.Cancelled > 0 {
		row.cancelled = Count(stage.Tasks.Cancelled) + " cancelled"
	}

	if stage.Status == state.StageCompleted && stage.Tasks.Total == 0 {
		row.ended, row.of = 1, 1 // a stage without tasks is complete
	}

	switch {
	case stage.Status.Ended():
		row.note = stageRan(&stage, now)
	case stage.Status == state.StageRunning:
		row.note = joinNonEmpty("  ", Rate(rate), left(stage, rate))
		if row.note == "" {
			row.note = stageRan(&stage, now)
		}
	}

	return row
}

func (s Style) rows(rows []stageRow, l layout) []string {
	var name, done, total, status, note int
	for _, r := range rows {
		name, done, total = max(name, Width(r.name)), max(done, len(r.done)), max(total, len(r.total))
		note = max(note, len(r.note))

		if !l.short || r.failed == "" {
			status = max(status, len(r.status))
		}
	}

	if s.Width > 0 {
		name = min(name, max(4, s.Width-2-2-status))
	}

	lines := make([]string, len(rows))
	for i, r := range rows {
		parts := []string{padRight(s.Cut(r.name, name), name)}
		if l.bar > 0 {
			parts = append(parts, s.Bar(r.ended, r.of, l.bar, r.ink))
		}

		if l.counts {
			parts = append(parts, padLeft(r.done, done)+"/"+padRight(r.total, total))
		}

		switch {
		case l.short && r.failed != "":
			parts = append(parts, s.Paint(Red, r.failed))
		default:
			parts = append(parts, padRight(s.Paint(r.ink, r.status), status))
		}

		if l.notes && note > 0 {
			parts = append(parts, padRight(r.note, note))
		}

		if !l.short && r.failed != "" {
			parts = append(parts, s.Paint(Red, r.failed))
		}

		if !l.short && r.cancelled != "" {
			parts = append(parts, s.Paint(Dim, r.cancelled))
		}

		lines[i] = strings.TrimRight("  "+strings.Join(parts, "  "), " ")
	}

	return lines
}

// fold keeps the most relevant stages in their order: those that run or failed,
// then the next to start, then the last to end.
func fold(stages []view.StageView) (shown []view.StageView, folded string) {
	if len(stages) <= maxStages {
		return stages, ""
	}

	order := make([]int, len(stages))
	for i := range order {
		order[i] = i
	}

	slices.SortStableFunc(order, func(a, b int) int {
		if d := interest(stages[a]) - interest(stages[b]); d != 0 {
			return d
		}

		if stages[a].Status.Ended() {
			return b - a
		}

		return a - b
	})
	keep := order[:maxStages-1]
	rest := map[state.StageStatus]int{}

	for i, stage := range stages {
		if slices.Contains(keep, i) {
			shown = append(shown, stage)
			continue
		}

		rest[stage.Status]++
	}

	var parts []string

	for _, status := range state.StageStatuses {
		if rest[status] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", rest[status], status))
		}
	}

	return shown, fmt.Sprintf("… %d more stages: %s", len(stages)-len(shown), strings.Join(parts, ", "))
}

func interest(stage view.StageView) int {
	switch {
	case stage.Status == state.StageRunning:
		return 0
	case stage.Tasks.Failed > 0 || stage.Status == state.StageFailed:
		return 1
	case stage.Status == state.StageWaiting:
		return 2
	}

	return 3
}

func stageInk(stage view.StageView) Ink {
	switch stage.Status {
	case state.StageCompleted:
		if stage.Tasks.Failed > 0 {
			return Yellow
		}

		return Green
	case state.StageRunning:
		return Blue
	case state.StageFailed:
		return Red
	case state.StageWaiting, state.StageSkipped, state.StageCancelled:
		return Dim
	}

	return Plain
}

// stageTotal returns the number of tasks, "?" if it is not known yet, or "12+"
// while the stage is being planned.
func stageTotal(stage view.StageView) string {
	switch {
	case stage.Planned:
		return Count(stage.Tasks.Total)
	case stage.Tasks.Total > 0:
		return Count(stage.Tasks.Total) + "+"
	}

	return "?"
}

func left(stage view.StageView, rate float64) string {
	open := stage.Tasks.Total - stage.Tasks.Ended()
	if rate < 0.05 || !stage.Planned || open < 1 {
		return ""
	}

	return "~" + Elapsed(time.Duration(float64(open)/rate*float64(time.Second))+time.Second)
}

func joinNonEmpty(sep string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), sep)
}
