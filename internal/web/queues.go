package web

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// queuesPage is the data of the template "queues".
type queuesPage struct {
	api.RecentView
	Rows []queueRow
	Dead int
	More bool // a count was capped at its limit
}

type queueRow struct {
	view.QueueView
	Oldest *time.Duration
	Means  string
	Line   spark
}

// queueMeans describes what each queue carries.
var queueMeans = map[string]string{
	"jobs":       "planning, ending and cancelling stages and jobs",
	"tasks":      "tasks, one or a range per message",
	"long-tasks": "tasks of slow handlers",
}

func loadQueues(ctx context.Context, s *Server, _ *input) (content, error) {
	queues, err := s.Queues.Read(ctx)
	if err != nil {
		return content{}, err
	}

	p := queuesPage{RecentView: queues.Recent}
	for _, q := range queues.Items {
		row := queueRow{
			QueueView: q,
			Means:     queueMeans[q.Queue],
			Line:      drawSpark(queues.Recent.Depths[q.Queue]),
		}
		if q.OldestSeconds != nil {
			age := time.Duration(*q.OldestSeconds * float64(time.Second))
			row.Oldest = &age
		}

		p.Dead += q.Dead
		p.More = p.More || max(q.Ready, q.Scheduled, q.Sent, q.Held, q.Dead) >= view.MaxDepth
		p.Rows = append(p.Rows, row)
	}

	return content{Title: "Queues", Data: p, Parts: []part{{ID: "queues", Template: "queues-live"}}}, nil
}

// deadPage is the data of the template "dead".
type deadPage struct {
	Queue   string
	Queues  []string
	Reason  string // reason to filter by
	Reasons []reasonRow
	All     int // dead messages with any reason
	More    bool
	Rows    []deadRow
	Order   string
	Older   string
	First   string
	Broker  bool // the broker may hold dead messages without a dead row
	Root    string
}

// reasonRow is a reason why messages are dead letters.
type reasonRow struct {
	view.DeadReason
	Count   int
	URL     string
	Redrive string // URL to which the button posts
	Dialog  string // id of the dialog
	Must    bool   // the user must type the number
	Help    string // runbook entry
	Current bool
}

// deadRow is a dead letter.
type deadRow struct {
	view.DeadView
	Tasks string // the tasks of the message
	Link  bool   // link to the first task
}

// typed is the number of messages from which a redrive asks the user to type
// their number.
const typed = 100

func loadDead(ctx context.Context, s *Server, in *input) (content, error) {
	queue, err := state.ParseQueue(in.params["queue"])
	if err != nil {
		return content{}, err
	}

	f, err := api.ReadDeadFilter(in.raw)
	if err != nil {
		return content{}, err
	}

	reasons, err := s.Reader.DeadReasons(ctx, queue)
	if err != nil {
		return content{}, err
	}

	page, err := s.Reader.ListDead(ctx, queue, f)
	if err != nil {
		return content{}, err
	}

	p := deadPage{
		Queue:  queue.String(),
		Reason: f.Reason,
		Root:   s.Prefix + "/ui/queues/" + queue.String() + "/dead",
		Broker: s.Transport == "servicebus",
	}
	for _, q := range state.Queues {
		p.Queues = append(p.Queues, q.String())
	}

	for i, r := range reasons {
		query := url.Values{"reason": {r.Reason}}.Encode()
		row := reasonRow{
			DeadReason: r,
			Count:      r.Wanted + r.Unwanted,
			URL:        p.Root + "?" + query,
			Current:    r.Reason == f.Reason,
			Dialog:     fmt.Sprintf("redrive-%d", i),
			Redrive:    s.Prefix + "/queues/" + p.Queue + "/redrive?" + query,
			Help:       view.RunbookOfDead(r.Reason).String(),
		}
		row.Must = row.Count > typed
		p.All += row.Count
		p.Reasons = append(p.Reasons, row)
	}

	p.More = p.All >= view.MaxDepth

	var order strings.Builder

	for _, d := range page.Items {
		p.Rows = append(p.Rows, deadRowOf(d))
		fmt.Fprintf(&order, "%d ", d.MessageID)
	}

	p.Order = order.String()
	if page.Next != nil {
		p.Older = p.Root + "?" + with(in.query, "cursor", *api.DeadCursor(page.Next)).Encode()
	}

	c := content{
		Title: "Dead letters of " + p.Queue,
		Parts: []part{{ID: "reasons"}, {ID: "dead-rows", Sig: p.Order + "."}},
	}
	if f.After > 0 {
		p.First, c.Parts = p.Root+"?"+without(in.query, "cursor").Encode(), nil
	}

	c.Data = p

	return c, nil
}

func deadRowOf(d view.DeadView) deadRow {
	row := deadRow{DeadView: d}
	switch {
	case d.Kind != state.KindTasks.String():
		row.Tasks = d.Kind
	case d.Count == 1:
		row.Tasks, row.Link = fmt.Sprintf("task %s", num(d.First)), d.StageName != ""
	default:
		row.Tasks = fmt.Sprintf(
			"tasks %s to %s, %s left",
			num(d.First),
			num(d.First+d.Count-1),
			num(d.TasksLeft),
		)
		row.Link = d.StageName != ""
	}

	return row
}
