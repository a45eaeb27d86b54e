package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// jobPage is the data of the template "job" and of its parts, all from one
// reading.
type jobPage struct {
	view.JobView
	Shown string // its status as a key of looks
	Done  int
	// Rate is in tasks per second: the current rate while the job runs, the
	// overall rate when it has ended, or nil if not known.
	Rate     *float64
	Left     *time.Duration
	Waited   string // of the current run, for its first claim; empty if not known
	Ran      string // from the first claim of the current run; empty before it
	Rows     []stageRow
	Graph    graph
	Actions  actions
	Failed   failures
	Time     timeline
	Grid     string // stage whose tasks are shown first; empty if there are none
	Tabs     []gridTab
	Runs     []gridTab
	Displays []display
	Events   []eventRow
	By       string
	Prefix   bool // the URL contains only the first digits of the job id
}

// gridTab selects the stage whose tasks are shown.
type gridTab struct {
	Name, URL string
	Current   bool
}

// lastEvents is the number of events that the page of a job shows.
const lastEvents = 20

func loadJob(ctx context.Context, s *Server, in *input) (content, error) {
	id, err := s.findJob(ctx, in.params["id"])
	if err != nil {
		return content{}, err
	}

	job, err := s.Reader.ReadJob(ctx, id)
	if err != nil {
		return content{}, err
	}

	job.TraceURL = s.TraceURL.Job(id, job.TraceID)

	events, err := s.Reader.LastEvents(ctx, id, lastEvents)
	if err != nil {
		return content{}, err
	}

	slices.Reverse(events) // oldest first, as in all views

	now := time.Now()
	p := jobPage{
		JobView: job,
		Shown:   job.Shown(now),
		Done:    job.Tasks.Done(),
		Prefix:  in.params["id"] != id.String(),
	}

	p.Rows = s.stageRows(job, now)
	if err := s.measure(ctx, job, p.Rows); err != nil {
		return content{}, err
	}

	p.measure(s, now)
	p.Graph, p.Time = drawGraph(p.Rows), drawTimeline(job, p.Rows, now)

	p.Actions = actionsOf(job)
	if p.Failed, err = s.failuresOf(ctx, job); err != nil {
		return content{}, err
	}

	p.chooseGrid(s, in.query.Get("stage"))
	p.Runs = runTabs(s, job, job.Attempt)
	p.Displays = s.displays(job)
	p.Events = eventRows(s, id, events)
	p.By = submitter(events)
	c := content{
		Title: p.title(), Data: p, Version: job.Version, Ended: job.Status.Ended(), Say: p.say(),
		Parts: []part{
			{ID: "head", Template: "job-head"},
			{ID: "failed", Template: "job-failed"},
			{ID: "figures", Template: "job-figures"},
			{ID: "shown", Template: "job-shown"},
			{ID: "graph", Template: "job-graph"},
			{ID: "stages", Template: "job-stages"},
			{ID: "timeline", Template: "job-timeline", Sig: job.Version + now.Format(time.TimeOnly)},
			{ID: "outcome", Template: "job-outcome"},
			{ID: "events", Template: "job-events"},
			{ID: "asks-cancel", Template: "job-asks-cancel"},
			{ID: "asks-retry", Template: "job-asks-retry"},
			{ID: "asks-rerun", Template: "job-asks-rerun"},
		},
	}
	c.wait = func(ctx context.Context) {
		if s.Wait != nil {
			// Read the job again whether the wait timed out or the job changed.
			_, _ = s.Wait(ctx, id, job.Version)
		}
	}

	return c, nil
}

// title returns the page title, which begins with the progress of the job.
func (p *jobPage) title() string {
	if !p.Status.Ended() && p.Progress != nil {
		return view.FormatShare(*p.Progress) + " " + p.JobType
	}

	return word(p.Shown) + " " + p.JobType
}

// say returns what a screen reader announces as soon as it is true.
func (p *jobPage) say() []string {
	var said []string

	for _, s := range p.Rows {
		if s.Tasks.Failed > 0 {
			said = append(said, "The first task of "+s.Name+" failed")
		}

		if s.Status.Ended() {
			said = append(said, "Stage "+s.Name+" "+word(s.Shown()))
		}
	}

	if p.Status.Ended() {
		said = append(said, "The job "+word(p.Status))
	}

	return said
}

// measure sets the durations, the rate at which tasks end, and an estimate of
// the remaining time if the remaining work is known.
func (p *jobPage) measure(s *Server, now time.Time) {
	p.Waited, p.Ran = duration(p.JobView.Waited(now)), duration(p.JobView.Ran(now))

	p.Rate = p.JobView.Rate(now)
	if p.FinishedAt != nil || p.StartedAt == nil {
		return
	}

	if rate, known := s.rates.see(p.JobID.String(), now, p.Done); known {
		p.Rate = &rate
	}

	if open := p.Tasks.Total - p.Tasks.Ended(); p.Progress != nil && p.Rate != nil && *p.Rate > 0 {
		left := time.Duration(float64(open) / *p.Rate * float64(time.Second))
		p.Left = &left
	}
}

// chooseGrid selects the stage whose tasks are shown: the requested stage, or
// the first with failures, or the first that runs, or the last.
func (p *jobPage) chooseGrid(s *Server, asked string) {
	best := 0

	for _, row := range p.Rows {
		if row.Tasks.Total == 0 {
			continue
		}

		rank := 1

		switch {
		case row.Name == asked:
			rank = 4
		case row.Tasks.Failed > 0:
			rank = 3
		case row.Status == state.StageRunning:
			rank = 2
		}

		if rank > best || rank == 1 && best == 1 {
			best, p.Grid = rank, row.Name
		}

		p.Tabs = append(
			p.Tabs,
			gridTab{
				Name: row.Name,
				URL:  join(s.Prefix+"/ui", []any{"jobs", p.JobID}) + "?stage=" + escapeQuery(row.Name),
			},
		)
	}

	for i := range p.Tabs {
		p.Tabs[i].Current = p.Tabs[i].Name == p.Grid
	}
}

// choice is an id prefix that several jobs have.
type choice struct {
	Text  string
	Found []view.JobSummary
}

func (c *choice) Error() string { return "the id is ambiguous" }

// asChoice returns the page on which a user selects one of several jobs.
func asChoice(err error) (content, bool) {
	c, ok := errors.AsType[*choice](err)
	if !ok {
		return content{}, false
	}

	return content{Title: "Which job?", Missing: true, Data: c, template: "choice"}, true
}

// minPrefix is the minimum number of digits of an id prefix in a URL.
const minPrefix = 8

// findJob finds a job by its id or by a prefix of it.
func (s *Server) findJob(ctx context.Context, text string) (state.JobID, error) {
	if len(text) == 2*len(state.JobID{}) {
		return state.ParseJobID(text)
	}

	if len(text) < minPrefix || len(text) > 2*len(state.JobID{}) ||
		strings.Trim(text, "0123456789abcdef") != "" {
		return state.JobID{}, state.Invalid("web", "Invalid job id.", state.FieldError{
			Field: state.Excerpt(
				text,
			),
			Message: fmt.Sprintf(
				"a job id has 64 hex digits; at least the first %d are required",
				minPrefix,
			),
		})
	}

	page, err := s.Reader.ListJobs(ctx, view.JobFilter{IDPrefix: text, Limit: 20})
	switch {
	case err != nil:
		return state.JobID{}, err
	case len(page.Items) == 0:
		return state.JobID{}, state.Errorf(
			state.CodeNotFound,
			"web",
			"No job has an id that starts with %s.",
			text,
		)
	case len(page.Items) > 1:
		return state.JobID{}, &choice{Text: text, Found: page.Items}
	}

	return page.Items[0].JobID, nil
}
