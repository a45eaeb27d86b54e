package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// actions are the operations that are allowed on a job now, and the reason why
// others are not.
type actions struct {
	Cancel, Retry, Rerun bool
	Cancelling           bool
	Start                bool     // the job waits for its start
	Retriable            int      // number of tasks that a retry runs again
	In                   []string // names of their stages
	RerunQuery           url.Values
	Why                  string // why the disabled actions are not available
}

func actionsOf(job view.JobView) actions {
	stopping := job.CancelRequestedAt != nil || job.Error != nil // a failing job is stopping as well

	a := actions{Cancelling: !job.Status.Ended() && !job.Finalizing && stopping}
	for _, s := range job.Stages {
		if n := s.Tasks.Failed + s.Tasks.Cancelled; n > 0 {
			a.Retriable += n
			a.In = append(a.In, s.Name)
		}
	}

	switch {
	case job.Finalizing:
		a.Why = "The outcome is decided. You can run the job again or retry it after its finally stages have ended."
	case a.Cancelling:
		a.Why = "The job is being cancelled. You can run it again or retry it after it has ended."
	case job.Delayed(time.Now()):
		a.Cancel, a.Start, a.Why = true, true, "The job waits for its start."
	case !job.Status.Ended():
		a.Cancel, a.Why = true, "You can run it again or retry it after it has ended."
	case job.Status == state.JobCompleted:
		a.Rerun, a.Why = true, "The job has ended without failures."
	default:
		a.Rerun, a.Retry, a.Why = true, true, "The job has ended."
	}

	a.RerunQuery = url.Values{"rerun": {"true"}}
	if job.RunKey != "" {
		a.RerunQuery.Set("key", job.RunKey)
	}

	return a
}

// failures describes what failed in a job.
type failures struct {
	Count  int
	Stages []string
	Groups []failureGroup
	More   view.MoreErrors // kinds that are not in Groups
	URL    string          // URL of the failed tasks of the first stage that has some
}

type failureGroup struct {
	view.FailureGroup
	URL string
}

// failuresOf collects what failed. It reads the error groups at most every two
// seconds for all viewers of the job.
func (s *Server) failuresOf(ctx context.Context, job view.JobView) (failures, error) {
	f := failures{Count: job.Tasks.Failed}

	for _, stage := range job.Stages {
		if stage.Tasks.Failed > 0 {
			f.Stages = append(f.Stages, stage.Name)
		}
	}

	if len(f.Stages) > 0 {
		f.URL = s.failedTasks(job.JobID, f.Stages[0])
	}

	if f.Count == 0 {
		return f, nil
	}

	key, keep := job.JobID.String(), 2*time.Second
	if job.Status.Ended() {
		key, keep = key+job.Version, time.Hour
	}

	kinds, err := s.kinds.get(ctx, key, keep, func(ctx context.Context) ([]view.FailureGroup, error) {
		return s.Reader.ListFailures(ctx, job.JobID, "")
	})

	if f.Groups = s.failureGroups(job.JobID, kinds); len(f.Groups) <= view.MaxErrorGroups {
		return f, err
	}

	for _, g := range f.Groups[view.MaxErrorGroups:] {
		f.More.Kinds++
		f.More.Tasks += g.Tasks
	}

	f.Groups = f.Groups[:view.MaxErrorGroups]

	return f, err
}

// failureGroups returns the errors that ended tasks, each with the URL of them.
func (s *Server) failureGroups(id state.JobID, kinds []view.FailureGroup) []failureGroup {
	var groups []failureGroup

	for _, g := range kinds {
		if g.Tasks > 0 {
			groups = append(groups, failureGroup{g, s.failedTasks(id, g.Stage) + "&error=" + g.Fingerprint.String()})
		}
	}

	return groups
}

// failedTasks returns the URL of the failed tasks of a stage.
func (s *Server) failedTasks(id state.JobID, stage string) string {
	return join(s.Prefix+"/ui", []any{"jobs", id, "stages", stage}) + "?view=list&status=failed"
}

// failuresPage is the data of the template "job-failures": all kinds of errors of
// a job.
type failuresPage struct {
	Job    view.JobSummary
	Groups []failureGroup
	Cut    bool // there can be more kinds
}

func loadFailures(ctx context.Context, s *Server, in *input) (content, error) {
	id, err := state.ParseJobID(in.params["id"])
	if err != nil {
		return content{}, err
	}

	job, err := s.Reader.ReadJob(ctx, id)
	if err != nil {
		return content{}, err
	}

	kinds, err := s.Reader.ListFailures(ctx, id, "")
	if err != nil {
		return content{}, err
	}

	p := failuresPage{
		Job:    job.JobSummary,
		Groups: s.failureGroups(id, kinds),
		Cut:    len(kinds) >= view.MaxFailureGroups,
	}

	return content{Title: "Errors · " + job.JobType, Data: p}, nil
}

// eventRow is a history event in words.
type eventRow struct {
	At    time.Time
	Icon  string
	Text  string
	URL   string // URL of the task or stage of the event
	Where string
}

func eventRows(s *Server, id state.JobID, events []view.EventView) []eventRow {
	rows := make([]eventRow, len(events))
	for i, e := range events {
		r := eventRow{At: e.At, Where: e.Stage}

		r.Icon, r.Text = eventText(e)
		switch {
		case e.Stage != "" && e.Index != nil:
			r.Where = fmt.Sprintf("%s task %d", e.Stage, *e.Index)
			r.URL = join(s.Prefix+"/ui", []any{"jobs", id, "stages", e.Stage, "tasks", *e.Index})
		case e.Stage != "":
			r.URL = join(s.Prefix+"/ui", []any{"jobs", id, "stages", e.Stage})
		}

		rows[i] = r
	}

	return rows
}

// eventText describes an event. An event of an unknown kind is shown by its
// name.
func eventText(e view.EventView) (shape, text string) {
	d := e.Known()

	by := ""
	if d.By != "" {
		by = " by " + d.By
	}

	switch e.Kind {
	case "created":
		return "queued", "submitted" + by
	case "rerun":
		return "queued", "submitted again" + by
	case "delayed":
		if d.StartAt != nil {
			return "queued", "start delayed until " + d.StartAt.UTC().Format(stamp)
		}

		return "queued", "start delayed"
	case "start_requested":
		return "running", "start now requested" + by
	case "tagged":
		return "queued", "tags changed" + by
	case "retried":
		return "retrying", "retried" + by
	case "cancel_requested":
		return "cancelled", "cancel requested" + by
	case "stage_started":
		if d.Total != nil {
			return "running", fmt.Sprintf(
				"started with %s %s",
				num(*d.Total),
				plural(*d.Total, "task", "tasks"),
			)
		}

		return "running", "started"
	case "stage_ended", "job_ended":
		return endText(e, d)
	case "task_failed":
		text = ": " + view.ErrorText(e.Message, d.Code)
		if d.Final {
			return "failed", "failed" + text
		}

		return "retrying", "failed, will be tried again" + text
	case "outcome_decided":
		return looks[d.Outcome].shape, "outcome decided: " + word(d.Outcome)
	case "job_failing":
		return "failed", "is stopping: " + d.Message
	case "notification_delivered":
		return "completed", fmt.Sprintf("%s was notified, try %d", d.Host, d.Tries)
	case "notification_failed":
		return "failed", fmt.Sprintf("%s was not notified, given up at try %d: %s", d.Host, d.Tries, d.Error)
	}

	text = strings.ReplaceAll(e.Kind, "_", " ")

	shape = "queued"
	if strings.Contains(e.Kind, "fail") {
		shape = "failed"
	}

	if e.Attempt > 0 {
		text += fmt.Sprintf(", attempt %d", e.Attempt)
	}

	if e.Message != "" {
		text += ": " + e.Message
	}

	return shape, text
}

// endText describes the end of a stage or a job.
func endText(e view.EventView, d view.EventDetail) (shape, text string) {
	status := d.Status
	if e.Kind == "stage_ended" {
		status = view.ShownStage(state.StageStatus(status), d.Failed)
	}

	text = word(status)
	if d.Failed > 0 {
		text += ", " + num(d.Failed) + " failed"
	}

	if d.Cancelled > 0 {
		text += ", " + num(d.Cancelled) + " cancelled"
	}

	return looks[status].shape, text
}

// submitter returns who submitted the job last, if the events contain it.
func submitter(events []view.EventView) string {
	for _, e := range slices.Backward(events) {
		if e.Kind == "created" || e.Kind == "rerun" {
			return e.Known().By
		}
	}

	return ""
}
