package web

import (
	"context"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// eventsPage is the data of the template "job-history": the history of a job,
// oldest first.
type eventsPage struct {
	Job    view.JobSummary
	Rows   []eventRow
	Kinds  []string
	Kind   string
	Stages []string
	Stage  string
	Next   string
	First  string
	Rest   bool // the page is short, but there are more events
	Here   string
}

// eventKinds are the kinds of events that the engine writes, for the filter.
var eventKinds = []string{
	"created",
	"delayed",
	"start_requested",
	"tagged",
	"stage_started",
	"stage_ended",
	"task_failed",
	"cancel_requested",
	"cancel_forced",
	"retried",
	"rerun",
	"job_failing",
	"outcome_decided",
	"job_ended",
	"notification_delivered",
	"notification_failed",
}

func loadEvents(ctx context.Context, s *Server, in *input) (content, error) {
	id, err := state.ParseJobID(in.params["id"])
	if err != nil {
		return content{}, err
	}

	f, err := api.ReadEventFilter(in.raw)
	if err != nil {
		return content{}, err
	}

	job, err := s.Reader.ReadJob(ctx, id)
	if err != nil {
		return content{}, err
	}

	page, err := s.Reader.ListEvents(ctx, id, f)
	if err != nil {
		return content{}, err
	}

	p := eventsPage{
		Job:   job.JobSummary,
		Rows:  eventRows(s, id, page.Items),
		Kinds: eventKinds,
		Kind:  f.Kind,
		Stage: f.Stage,
		Here:  join(s.Prefix+"/ui", []any{"jobs", id, "events"}),
	}
	for _, stage := range job.Stages {
		p.Stages = append(p.Stages, stage.Name)
	}

	filters := without(in.query, "cursor")
	if page.Next != nil {
		p.Next = p.Here + "?" + with(filters, "cursor", *api.EventCursor(page.Next)).Encode()
		p.Rest = len(page.Items) < f.Limit
	}

	if f.After > 0 {
		p.First = p.Here + "?" + filters.Encode()
	}

	return content{Title: "Events · " + job.JobType, Data: p}, nil
}
