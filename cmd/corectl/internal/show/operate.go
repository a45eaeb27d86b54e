package show

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"coremachine/cmd/corectl/internal/client"
)

// Sweep is one line on what a pass over stalled work found.
func (s Style) Sweep(sweep client.Sweep) []string {
	head := "swept"
	if sweep.EndedAt != nil {
		head += " in " + Took(sweep.EndedAt.Sub(sweep.StartedAt))
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(sweep.Found)) {
		if n := sweep.Found[what]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", Count(n), strings.ReplaceAll(what, "_", " ")))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing was stalled"}
	}
	return []string{head + ": " + strings.Join(parts, ", ")}
}

// Queues are the queues with their dead letters.
func (s Style) Queues(queues []client.Queue, now time.Time) []string {
	rows := make([][]string, len(queues))
	for i, q := range queues {
		rows[i] = []string{s.Plain(q.Queue), Count(q.Dead)}
	}
	return s.Table([]Column{{Head: "QUEUE"}, {Head: "DEAD", Right: true}}, rows, func(r, c int) Ink {
		if c == 1 && queues[r].Dead > 0 {
			return Red
		}
		return Plain
	})
}

// QueuesTabbed is the same for another program: queue, dead.
func QueuesTabbed(queues []client.Queue) []string {
	rows := make([][]string, len(queues))
	for i, q := range queues {
		rows[i] = []string{q.Queue, strconv.Itoa(q.Dead)}
	}
	return Tabbed(rows)
}

// Dead are the dead letters of a queue.
func (s Style) Dead(dead []client.DeadLetter, now time.Time) []string {
	columns := []Column{
		{Head: "MESSAGE", Right: true}, {Head: "JOB"}, {Head: "STAGE", Right: true, Drop: 3}, {Head: "TASKS", Drop: 2},
		{Head: "TRIES", Right: true, Drop: 4}, {Head: "SINCE", Drop: 1}, {Head: "REASON", Cut: 12},
	}
	rows := make([][]string, len(dead))
	for i, d := range dead {
		rows[i] = []string{
			strconv.FormatInt(d.MessageID, 10), Short(d.JobID), strconv.Itoa(d.Stage), taskRange(d),
			strconv.Itoa(d.Deliveries), Ago(now, d.Since), s.Plain(d.Reason),
		}
	}
	return s.Table(columns, rows, nil)
}

// DeadTabbed is the same for another program: message, job, stage, first, count, deliveries, since, reason.
func DeadTabbed(dead []client.DeadLetter) []string {
	rows := make([][]string, len(dead))
	for i, d := range dead {
		rows[i] = []string{
			strconv.FormatInt(d.MessageID, 10), d.JobID, strconv.Itoa(d.Stage), strconv.Itoa(d.First), strconv.Itoa(d.Count),
			strconv.Itoa(d.Deliveries), stamp(&d.Since), clean(d.Reason),
		}
	}
	return Tabbed(rows)
}

func taskRange(d client.DeadLetter) string {
	if d.Count == 1 {
		return strconv.Itoa(d.First)
	}
	return fmt.Sprintf("%d-%d", d.First, d.First+d.Count-1)
}
