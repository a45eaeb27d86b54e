package render

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Event returns one line of a job's history for people.
func (s Style) Event(e view.EventView) string {
	text, ink := eventText(e)
	return s.Paint(ink, s.Cut(s.clock(e.At)+" "+s.Plain(text), s.Width))
}

// EventTabbed returns an event for other programs: id, time, kind, stage,
// index, attempt, message, detail as JSON.
func EventTabbed(e view.EventView) string {
	index, attempt := "", ""
	if e.Index != nil {
		index = strconv.Itoa(*e.Index)
	}

	if e.Attempt > 0 {
		attempt = strconv.Itoa(e.Attempt)
	}

	return strings.Join([]string{
		strconv.FormatInt(e.EventID, 10),
		stamp(&e.At),
		clean(e.Kind),
		clean(e.Stage),
		index,
		attempt,
		clean(e.Message),
		clean(string(e.ShownDetail())),
	}, "\t")
}

// eventText describes the kinds that this build knows. For other kinds, it
// returns the name.
func eventText(e view.EventView) (string, Ink) {
	d := e.Known()
	switch e.Kind {
	case "created":
		return "job submitted" + by(d), Plain
	case "rerun":
		return "job run again" + by(d), Plain
	case "delayed":
		text := "start delayed"
		if d.StartAt != nil {
			text += " until " + Moment(*d.StartAt)
		}

		return text, Plain
	case "start_requested":
		return "start now requested" + by(d), Plain
	case "tagged":
		return "tags changed" + by(d) + after(": ", strings.Join(pairs(d.Tags), " ")), Plain
	case "retried":
		return "failed tasks retried" + by(d), Plain
	case "cancel_requested":
		return "cancel requested" + by(d), Plain
	case "cancel_forced":
		return fmt.Sprintf(
			"cancel forced%s: %s deleted, %s counted, counters of %s repaired",
			by(d),
			Things(d.Messages, "message"),
			Things(d.Tasks, "task"),
			Things(d.Repaired, "stage"),
		), Plain
	case "outcome_decided":
		return "outcome decided: " + d.Outcome, jobInk(state.JobStatus(d.Outcome))
	case "job_failing":
		return "job is failing" + after(": ", e.Message), Red
	case "job_ended":
		return "job " + d.Status, jobInk(state.JobStatus(d.Status))
	case "stage_started":
		text := "stage " + e.Stage + " started"
		if d.Total != nil {
			text += ", " + Things(*d.Total, "task")
		}

		return text, Plain
	case "stage_ended":
		return stageEnd(e.Stage, d), stageInk(
			view.StageView{
				Status: state.StageStatus(d.Status),
				Tasks:  view.TaskCounts{Failed: d.Failed},
			},
		)
	case "work_lost":
		text := "stage " + e.Stage + ": " + Things(d.Tasks, "task") + " lost with process " + cmp.Or(
			d.Worker,
			"unknown",
		)
		if d.Failed > 0 {
			text += fmt.Sprintf(", for %s it was the last attempt", Count(d.Failed))
		}

		return text, Red
	case "resent":
		return "sweep sent " + Things(d.Messages, "message") + " again", Plain
	case "redriven":
		return "sweep redrove " + Things(d.Messages, "dead letter"), Plain
	case "repaired":
		return "sweep recreated missing messages of the job", Plain
	case "notification_delivered":
		return fmt.Sprintf("%s notified, try %d", d.Host, d.Tries), Plain
	case "notification_failed":
		return fmt.Sprintf("%s not notified, gave up after %s: %s", d.Host, Things(d.Tries, "attempt"), d.Error), Red
	case "task_failed":
		return taskFailed(e, d)
	}

	return joinNonEmpty(" ", strings.ReplaceAll(e.Kind, "_", " "), e.Stage, e.Message), Plain
}

func by(d view.EventDetail) string { return after(" by ", d.By) }

func after(sep, text string) string {
	if text == "" {
		return ""
	}

	return sep + text
}

func stageEnd(name string, d view.EventDetail) string {
	text := "stage " + name + " " + view.ShownStage(state.StageStatus(d.Status), d.Failed)
	if d.Total != nil {
		text += fmt.Sprintf(" %s/%s", Count(d.Completed+d.Failed), Count(*d.Total))
	}

	if d.Failed > 0 {
		text += fmt.Sprintf(", %s failed", Count(d.Failed))
	}

	if d.Cancelled > 0 {
		text += fmt.Sprintf(", %s cancelled", Count(d.Cancelled))
	}

	return text
}

func taskFailed(e view.EventView, d view.EventDetail) (string, Ink) {
	index := 0
	if e.Index != nil {
		index = *e.Index
	}

	next, ink := ", will be tried again", Yellow
	if d.Final {
		next, ink = "", Red
	}

	return fmt.Sprintf("task %s/%d failed%s: %s", e.Stage, index, next, view.ErrorText(e.Message, d.Code)), ink
}

// Errors lists the kinds of errors that ended tasks of a job, most frequent
// first, as the API grouped them.
func (s Style) Errors(job *view.JobView) []string {
	lines := make([]string, len(job.Errors))
	for i, g := range job.Errors {
		head := "ERRORS      "
		if i > 0 {
			head = strings.Repeat(" ", len(head))
		}

		lines[i] = s.Cut(head+s.Own(Count(g.Count)+" × ")+s.Plain(view.ErrorText(g.Message, g.Outcome)), s.Width)
	}

	if more := job.MoreErrors; more.Kinds > 0 {
		lines = append(lines, s.Cut(fmt.Sprintf("            %s, %s: corectl failures %s",
			Things(more.Kinds, "more kind"), Things(more.Tasks, "task"), Handle(job.JobID)), s.Width))
	}

	return lines
}
