package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/view"
)

// Sweep summarizes the findings of a sweep in one line.
func (s Style) Sweep(sweep view.SweepView) []string {
	head := "swept"
	if sweep.EndedAt != nil {
		head += " in " + view.FormatDuration(sweep.EndedAt.Sub(sweep.StartedAt))
	}

	var found map[string]json.Number
	if json.Unmarshal(sweep.Found, &found) != nil {
		return []string{head + ": " + s.Plain(string(sweep.Found))}
	}

	var parts []string

	for _, what := range slices.Sorted(maps.Keys(found)) {
		if n, err := found[what].Int64(); err == nil && n > 0 {
			parts = append(parts, s.found(what, int(n)))
		}
	}

	if len(parts) == 0 {
		parts = []string{"no stalled work"}
	}

	return []string{head + ": " + strings.Join(parts, ", ")}
}

func (s Style) found(what string, n int) string {
	words, known := map[string][2]string{
		"lost": {"lost task", "requeued"}, "dead": {"dead letter", "sent again"}, "resent": {"message", "sent again"},
		"collected": {"dead letter", "found"}, "repaired": {"job", "repaired"}, "expired": {"job", "past retention"},
	}[what]
	if !known {
		return Count(n) + " " + s.Plain(strings.ReplaceAll(what, "_", " "))
	}

	return Things(n, words[0]) + " " + words[1]
}

// DeadGroup counts the dead letters of a queue with the same reason. A group
// without a reason counts the others, of which only the number is known.
type DeadGroup struct {
	Queue, Reason string
	Count, Wanted int       // Wanted counts messages whose work has not ended
	Oldest        time.Time // zero if not known
}

// DeadGroups lists dead letters by queue and reason.
func (s Style) DeadGroups(groups []DeadGroup, now time.Time) []string {
	columns := []Column{
		{Head: "QUEUE"},
		{Head: "DEAD", Right: true},
		{Head: "WANTED", Right: true, Drop: 3},
		{Head: "OLDEST", Drop: 1},
		{Head: "REASON", Cut: 22},
		{Head: "SEE", Drop: 2},
	}

	rows := make([][]string, len(groups))
	for i, g := range groups {
		rows[i] = []string{
			s.Plain(g.Queue),
			Count(g.Count),
			Count(g.Wanted),
			Ago(now, g.Oldest),
			s.Plain(g.Reason),
			view.RunbookOfDead(g.Reason).String(),
		}
		if g.Reason == "" {
			rows[i] = []string{
				s.Plain(g.Queue),
				Count(g.Count),
				"?",
				"?",
				"and more",
				view.RunbookDeadLetters.String(),
			}
		}
	}

	return s.Table(columns, rows, func(_, c int) Ink {
		if c == 1 {
			return Red
		}

		return Plain
	})
}

// DeadGroupsTabbed lists the groups for other programs: queue, dead, wanted,
// oldest, reason.
func DeadGroupsTabbed(groups []DeadGroup) []string {
	rows := make([][]string, len(groups))
	for i, g := range groups {
		rows[i] = []string{
			clean(g.Queue),
			strconv.Itoa(g.Count),
			strconv.Itoa(g.Wanted),
			stamp(&g.Oldest),
			clean(g.Reason),
		}
		if g.Reason == "" {
			rows[i][2] = ""
		}
	}

	return Tabbed(rows)
}

// Dead lists the dead letters of a queue.
func (s Style) Dead(dead []view.DeadView, now time.Time) []string {
	columns := []Column{
		{Head: "MESSAGE", Right: true},
		{Head: "JOB"},
		{Head: "STAGE", Cut: 8, Drop: 3},
		{Head: "TASKS", Drop: 2},
		{Head: "TRIES", Right: true, Drop: 4},
		{Head: "SINCE", Drop: 1},
		{Head: "REASON", Cut: 12},
	}

	rows := make([][]string, len(dead))
	for i, d := range dead {
		rows[i] = []string{
			strconv.FormatInt(d.MessageID, 10), Short(d.JobID), s.Plain(d.StageName), taskRange(d),
			strconv.Itoa(d.Deliveries), Ago(now, d.Since), s.Plain(d.Reason),
		}
	}

	return s.Table(columns, rows, nil)
}

// DeadTabbed lists dead letters for other programs: message, job, stage, first,
// count, deliveries, since, reason.
func DeadTabbed(dead []view.DeadView) []string {
	rows := make([][]string, len(dead))
	for i, d := range dead {
		rows[i] = []string{
			strconv.FormatInt(d.MessageID, 10),
			d.JobID.String(),
			strconv.Itoa(d.Stage),
			strconv.Itoa(d.First),
			strconv.Itoa(d.Count),
			strconv.Itoa(d.Deliveries),
			stamp(&d.Since),
			clean(d.Reason),
		}
	}

	return Tabbed(rows)
}

func taskRange(d view.DeadView) string {
	if d.Count == 1 {
		return strconv.Itoa(d.First)
	}

	return fmt.Sprintf("%d-%d", d.First, d.First+d.Count-1)
}
