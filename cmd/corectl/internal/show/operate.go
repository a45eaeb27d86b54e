package show

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/state"
)

// Sweep is one line on what a pass over stalled work found.
func (s Style) Sweep(sweep state.SweepView) []string {
	head := "swept"
	if sweep.EndedAt != nil {
		head += " in " + Took(sweep.EndedAt.Sub(sweep.StartedAt))
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
		parts = []string{"nothing was stalled"}
	}
	return []string{head + ": " + strings.Join(parts, ", ")}
}

func (s Style) found(what string, n int) string {
	words, known := map[string][2]string{
		"lost": {"lost task", "requeued"}, "dead": {"dead letter", "sent again"}, "resent": {"message", "sent again"},
		"repaired": {"job", "repaired"}, "expired": {"job", "past retention"},
	}[what]
	if !known {
		return Count(n) + " " + s.Plain(strings.ReplaceAll(what, "_", " "))
	}
	return Things(n, words[0]) + " " + words[1]
}

// Queues are the queues: what waits in them, what is in hand, and what died.
func (s Style) Queues(queues []state.QueueView) []string {
	columns := []Column{
		{Head: "QUEUE"},
		{Head: "DEAD", Right: true},
		{Head: "READY", Right: true, Drop: 1},
		{Head: "LATER", Right: true, Drop: 4},
		{Head: "SENT", Right: true, Drop: 3},
		{Head: "HELD", Right: true, Drop: 2},
		{Head: "OLDEST", Right: true, Drop: 5},
	}
	rows := make([][]string, len(queues))
	for i, q := range queues {
		oldest := "-"
		if q.OldestSeconds != nil {
			oldest = Elapsed(time.Duration(*q.OldestSeconds * float64(time.Second)))
		}
		rows[i] = []string{s.Plain(q.Queue), depth(q.Dead), depth(q.Ready), depth(q.Scheduled), depth(q.Sent), depth(q.Held), oldest}
	}
	return s.Table(columns, rows, func(r, c int) Ink {
		if c == 1 && queues[r].Dead > 0 {
			return Red
		}
		return Plain
	})
}

// depth is a count that ends at a limit.
func depth(n int) string {
	if n >= state.MaxDepth {
		return Count(n) + "+"
	}
	return Count(n)
}

// QueuesTabbed is the same for another program: queue, dead, ready, scheduled, sent, held.
func QueuesTabbed(queues []state.QueueView) []string {
	rows := make([][]string, len(queues))
	for i, q := range queues {
		rows[i] = []string{
			q.Queue, strconv.Itoa(q.Dead), strconv.Itoa(q.Ready), strconv.Itoa(q.Scheduled), strconv.Itoa(q.Sent), strconv.Itoa(q.Held),
		}
	}
	return Tabbed(rows)
}

// Dead are the dead letters of a queue.
func (s Style) Dead(dead []state.DeadView, now time.Time) []string {
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

// DeadTabbed is the same for another program: message, job, stage, first, count, deliveries, since, reason.
func DeadTabbed(dead []state.DeadView) []string {
	rows := make([][]string, len(dead))
	for i, d := range dead {
		rows[i] = []string{
			strconv.FormatInt(d.MessageID, 10), d.JobID.String(), strconv.Itoa(d.Stage), strconv.Itoa(d.First), strconv.Itoa(d.Count),
			strconv.Itoa(d.Deliveries), stamp(&d.Since), clean(d.Reason),
		}
	}
	return Tabbed(rows)
}

func taskRange(d state.DeadView) string {
	if d.Count == 1 {
		return strconv.Itoa(d.First)
	}
	return fmt.Sprintf("%d-%d", d.First, d.First+d.Count-1)
}
