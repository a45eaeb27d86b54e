package show

import (
	"fmt"
	"strings"

	"coremachine/internal/state"
)

// Event is one line of a job's history for people.
func (s Style) Event(e state.EventView) string {
	line := e.At.Local().Format("15:04:05") + " " + s.Plain(eventText(e))
	return s.Paint(eventInk(e), s.Cut(line, s.Width))
}

// EventTabbed is the same for another program: id, time, kind, stage, index, message.
func EventTabbed(e state.EventView) string {
	index := ""
	if e.Index != nil {
		index = fmt.Sprint(*e.Index)
	}
	return Tabbed([][]string{{fmt.Sprint(e.EventID), stamp(&e.At), e.Kind, clean(e.Stage), index, clean(e.Message)}})[0]
}

func eventText(e state.EventView) string {
	var b strings.Builder
	switch {
	case e.Stage != "" && e.Index != nil:
		fmt.Fprintf(&b, "task %s/%d", e.Stage, *e.Index)
	case e.Stage != "":
		b.WriteString("stage " + e.Stage)
	default:
		b.WriteString("job")
	}
	b.WriteString(" " + strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(e.Kind, "job_"), "stage_"), "task_"), "_", " "))
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	return b.String()
}

func eventInk(e state.EventView) Ink {
	switch {
	case strings.Contains(e.Kind, "failed"):
		return Red
	case strings.Contains(e.Kind, "completed"):
		return Green
	}
	return Plain
}

// Errors are the kinds of errors that ended tasks, most frequent first, as the API grouped them.
func (s Style) Errors(groups []state.ErrorGroup) []string {
	lines := make([]string, len(groups))
	for i, g := range groups {
		head := "ERRORS      "
		if i > 0 {
			head = strings.Repeat(" ", len(head))
		}
		lines[i] = s.Cut(head+s.Own(Count(g.Count)+" × ")+s.Plain(g.Message), s.Width)
	}
	return lines
}
