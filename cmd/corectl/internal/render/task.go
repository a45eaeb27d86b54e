package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Task shows a task and every attempt. limits holds the maximum number of tries
// for the tasks of each stage, if known.
func (s Style) Task(task view.TaskView, limits map[string]int, now time.Time) []string {
	head := []string{
		s.Paint(Bold, s.Plain(task.Stage)+"/"+strconv.Itoa(task.Index)) + " " + Short(task.JobID),
		s.Paint(taskInk(task.Status), string(task.Status)),
		"try " + strings.Replace(tries(&task.TaskSummary, limits), "/", " of ", 1),
	}

	if took := taskTook(task.TaskSummary, now); took != "" {
		head = append(head, took)
	}

	if task.Worker != "" {
		head = append(head, "on "+s.Plain(task.Worker))
	}

	if task.Status == state.TaskQueued && task.DueAt != nil && task.DueAt.After(now) {
		head = append(head, "next try "+In(now, *task.DueAt))
	}

	lines := []string{s.fitLine(head)}
	if p := task.Progress; p != nil {
		lines = append(lines, s.fitLine([]string{"PROGRESS  " + view.FormatShare(p.Fraction), s.Plain(p.Note)}))
	}

	if task.Dead != "" {
		lines = append(lines, s.Paint(Red, s.Cut("DEAD LETTER  "+s.Plain(task.Dead), s.Width)))
	}

	lines = append(lines, s.attempts(task, now)...)
	if n := task.EmptyDeliveries(); n > 0 {
		lines = append(lines, s.Paint(Dim, deliveries(n)+" ran nothing"))
	}

	for _, one := range []struct {
		name string
		data json.RawMessage
	}{{"INPUT", task.Input}, {"RESULT", task.Result}} {
		if text := compact(one.data); text != "" {
			lines = append(lines, s.Cut(fmt.Sprintf("%-6s  %s", one.name, s.Plain(text)), s.Width))
		}
	}

	if task.InputError != "" {
		lines = append(lines, s.Cut("INPUT   "+s.Plain(task.InputError), s.Width))
	}

	lines = append(lines, s.Cut("KEY     "+s.Plain(task.Key), s.Width))
	if task.TraceURL != "" {
		lines = append(lines, "LOGS    "+s.Plain(task.TraceURL)) // whole, so that it can be opened
	}

	return lines
}

// attempts lists the unsuccessful attempts, newest first, and the stack of the
// last panic.
func (s Style) attempts(task view.TaskView, now time.Time) []string {
	attempts, numbers := task.Attempts, task.TryNumbers()
	if len(attempts) == 0 {
		return nil
	}

	columns := []Column{
		{Head: "TRY", Right: true},
		{Head: "OUTCOME"},
		{Head: "ENDED", Drop: 2},
		{Head: "TOOK", Drop: 3},
		{Head: "WORKER", Cut: 8, Drop: 1},
		{Head: "ERROR", Cut: 16},
	}

	rows, stack := make([][]string, len(attempts)), ""

	for i, a := range attempts {
		took := ""
		if a.StartedAt != nil {
			took = view.FormatDuration(a.EndedAt.Sub(*a.StartedAt))
		}

		if stack == "" {
			stack = a.Stack
		}

		rows[i] = []string{
			strconv.Itoa(numbers[i]), string(a.Outcome), Ago(now, a.EndedAt), took, s.Plain(a.Worker),
			s.Plain(a.Error),
		}
	}

	lines := s.Table(columns, rows, func(r, c int) Ink {
		if c == 1 && attempts[r].Final {
			return Red
		}

		return Plain
	})
	if stack == "" {
		return lines
	}

	lines = append(lines, "STACK")
	for line := range strings.SplitSeq(stack, "\n") {
		lines = append(lines, s.Cut("  "+s.Plain(line), s.Width))
	}

	return lines
}

func deliveries(n int) string {
	if n == 1 {
		return "1 delivery"
	}

	return Count(n) + " deliveries"
}

// compact returns JSON on one line, or "" if there is none.
func compact(data json.RawMessage) string {
	var line bytes.Buffer
	if len(data) == 0 || json.Compact(&line, data) != nil || line.String() == "null" {
		return ""
	}

	return line.String()
}

// TaskTabbed shows a task for other programs. Each line begins with the word
// task, progress, attempt, input or result.
func TaskTabbed(task view.TaskView) []string {
	rows := [][]string{{
		"task", clean(task.Stage), strconv.Itoa(task.Index), string(task.Status), strconv.Itoa(task.Attempt),
		stamp(task.StartedAt), stamp(task.FinishedAt), clean(task.Worker), clean(task.ErrorText()),
	}}

	if p := task.Progress; p != nil {
		rows = append(rows, []string{"progress", strconv.FormatFloat(p.Fraction, 'f', -1, 64), clean(p.Note)})
	}

	for _, a := range task.Attempts {
		rows = append(rows, []string{
			"attempt", strconv.Itoa(a.Attempt), string(a.Outcome), stamp(a.StartedAt), stamp(&a.EndedAt),
			clean(a.Worker), clean(a.Error),
		})
	}

	if text := compact(task.Input); text != "" {
		rows = append(rows, []string{"input", clean(text)})
	}

	if text := compact(task.Result); text != "" {
		rows = append(rows, []string{"result", clean(text)})
	}

	return Tabbed(rows)
}

// Log shows the last lines of one attempt, or all if limit is 0. The number of
// its try is 0 if it is not known.
func (s Style) Log(log view.TaskLogView, try, limit int) []string {
	head := []string{"an earlier try"}
	if try > 0 {
		head[0] = fmt.Sprintf("try %d", try)
	}

	shown := log.Lines

	if limit > 0 && len(shown) > limit {
		head = append(head, Things(len(shown)-limit, "earlier line"))
		shown = shown[len(shown)-limit:]
	}

	if log.Dropped > 0 {
		head = append(head, Things(log.Dropped, "line")+" not kept")
	}

	lines := []string{s.Paint(Dim, "LOG     "+strings.Join(head, s.Dot()))}

	for _, line := range shown {
		// Continued lines are indented, so that a message cannot look like a line
		// of its own.
		for i, text := range strings.Split(line.Text, "\n") {
			at := s.clockMillis(line.At)
			start := strings.Repeat(" ", len(at)+len(" ERROR "))

			if i == 0 {
				level := s.Plain(line.Level)
				start = at + " " + s.Paint(levelInk(line.Level), padRight(level, len("ERROR"))) + " "
			}

			lines = append(lines, start+s.Plain(text))
		}
	}

	return lines
}

func levelInk(level string) Ink {
	switch level {
	case "ERROR":
		return Red
	case "WARN":
		return Yellow
	}

	return Dim
}

// LogTabbed shows the lines of one attempt for other programs: attempt, time,
// level, text.
func LogTabbed(log view.TaskLogView) []string {
	rows := make([][]string, len(log.Lines))
	for i, line := range log.Lines {
		rows[i] = []string{strconv.Itoa(log.Attempt), stamp(&line.At), clean(line.Level), clean(line.Text)}
	}

	return Tabbed(rows)
}
