package render

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Short returns the short form of a job's id: its first 8 digits.
func Short(id state.JobID) string { return id.Short() }

// Handle returns the shortest id that commands accept, for suggested commands.
func Handle(id state.JobID) string { return id.String()[:view.MinIDPrefix] }

// period formats a duration that is over, or that still grows. It returns "" if
// there is none.
func period(d *time.Duration, over bool) string {
	switch {
	case d == nil:
		return ""
	case over:
		return view.FormatDuration(*d)
	}

	return Elapsed(*d)
}

// jobRan returns how long a job ran, or has been running.
func jobRan(job *view.JobSummary, now time.Time) string {
	return cmp.Or(period(job.Ran(now), job.FinishedAt != nil), "-")
}

// jobWaited returns how long a job waited for its first claim, or "" if that is
// not known.
func jobWaited(job *view.JobSummary, now time.Time) string {
	if job.Delayed(now) {
		return ""
	}

	return period(job.Waited(now), job.StartedAt != nil || job.FinishedAt != nil)
}

// End returns the lines below the last frame: the outcome of the job, and the
// command that shows more.
func (s Style) End(job view.JobView, now time.Time) []string {
	what := fmt.Sprintf("%s %s in %s", s.mark(job.Status), job.Status, jobRan(&job.JobSummary, now))
	if job.StartedAt == nil {
		what = fmt.Sprintf("%s %s before it started", s.mark(job.Status), job.Status)
	}

	count := Things(job.Tasks.Total, "task")
	if job.Tasks.Failed > 0 {
		count += fmt.Sprintf(", %s failed", Count(job.Tasks.Failed))
	}

	if job.Tasks.Cancelled > 0 {
		count += fmt.Sprintf(", %s cancelled", Count(job.Tasks.Cancelled))
	}

	parts := []string{what, count}
	if job.Tasks.Failed > 0 {
		parts = append(parts, fmt.Sprintf("corectl tasks %s --failed", Handle(job.JobID)))
	}

	lines := s.wrap(parts, jobInk(job.Status))
	if job.Error != nil {
		lines = append(lines, s.Paint(Red, s.Cut("  "+s.failure(job.Error), s.Width)))
	}

	return lines
}

// wrap joins the parts with dots and starts a new line if the next part does
// not fit.
func (s Style) wrap(parts []string, first Ink) []string {
	lines := []string{s.Paint(first, s.Cut(parts[0], s.Width))}
	for _, part := range parts[1:] {
		last := len(lines) - 1
		if s.Width < 1 || Width(lines[last])+Width(s.Dot())+Width(part) <= s.Width {
			lines[last] += s.Dot() + part
			continue
		}

		lines = append(lines, "  "+s.Cut(part, s.Width-2))
	}

	return lines
}

// Notification returns a line about the notification of a job, or none if the job
// has no callback URL.
func (s Style) Notification(n *view.NotificationView, now time.Time) []string {
	if n == nil {
		return nil
	}

	text := "notification of " + s.Plain(n.Host) + ": " + n.State

	switch {
	case n.At != nil:
		text += " " + Ago(now, *n.At)
	case n.DueAt != nil && n.Tries > 0:
		text += " (" + Things(n.Tries, "failed attempt") + ")"
	}

	ink := Plain

	if n.Error != "" {
		text += ": " + s.Plain(n.Error)
		ink = Yellow
	}

	if n.State == view.NotificationFailed {
		ink = Red
	}

	return []string{s.Paint(ink, s.Cut(text, s.Width))}
}

func (s Style) failure(f *state.Failure) string {
	text := s.Plain(view.ErrorText(f.Message, f.Code))
	if f.Stage != "" && !strings.HasPrefix(text, f.Stage) {
		text = s.Plain(f.Stage) + ": " + text
	}

	return text
}

func (s Style) mark(status state.JobStatus) string {
	marks := [4]string{"✓", "!", "✗", "–"}
	if s.ASCII {
		marks = [4]string{"ok", "!", "x", "-"}
	}

	switch status {
	case state.JobCompleted:
		return marks[0]
	case state.JobCompletedWithErrors:
		return marks[1]
	case state.JobFailed:
		return marks[2]
	case state.JobCancelled, state.JobQueued, state.JobRunning:
		return marks[3]
	}

	return marks[3]
}

func jobInk(status state.JobStatus) Ink {
	switch status {
	case state.JobCompleted:
		return Green
	case state.JobCompletedWithErrors:
		return Yellow
	case state.JobFailed:
		return Red
	case state.JobRunning:
		return Blue
	case state.JobQueued, state.JobCancelled:
		return Dim
	}

	return Plain
}

// Status shows a job and its stages.
func (s Style) Status(job view.JobView, now time.Time) []string {
	head := []string{
		s.Paint(Bold, s.Plain(job.JobType)) + " " + Short(job.JobID),
		s.Paint(jobInk(job.Status), job.Shown(now)),
	}
	if job.Delayed(now) {
		head = append(head, "starts "+In(now, *job.StartAt))
	}

	if job.Finalizing {
		head = append(head, "outcome "+string(job.Outcome))
	}

	if job.StartedAt != nil {
		head = append(head, "ran "+jobRan(&job.JobSummary, now))
	}

	if waited := jobWaited(&job.JobSummary, now); waited != "" {
		head = append(head, "waited "+waited)
	}

	head = append(head, fmt.Sprintf("attempt %d", job.Attempt), s.Plain(string(job.Parameters)))

	lines := []string{s.fitLine(head)}
	if labels := s.labels(job.JobSummary); labels != "" {
		lines = append(lines, s.Cut(labels, s.Width))
	}

	columns := []Column{
		{Head: "STAGE", Cut: 12},
		{Head: "STATUS", Cut: 12},
		{Head: "DONE"},
		{Head: "FAILED", Right: true, Drop: 1},
		{Head: "RATE", Right: true, Drop: 3},
		{Head: "WAITED", Drop: 4},
		{Head: "RAN", Drop: 2},
	}

	rows := make([][]string, len(job.Stages))
	for i := range job.Stages {
		stage := &job.Stages[i]
		rows[i] = []string{
			s.Plain(stage.Name), stage.Shown(), doneOf(&stage.Tasks, stageTotal(*stage)),
			Count(stage.Tasks.Failed), stageRate(stage, now), stageWaited(stage, now), stageRan(stage, now),
		}
	}

	lines = append(lines, s.Table(columns, rows, func(r, c int) Ink {
		switch {
		case c == 1:
			return stageInk(job.Stages[r])
		case c == 3 && job.Stages[r].Tasks.Failed > 0:
			return Red
		}

		return Plain
	})...)
	if job.Error != nil {
		lines = append(lines, s.Paint(Red, s.Cut("ERROR  "+s.failure(job.Error), s.Width)))
	}

	if result := compact(job.Result); result != "" {
		lines = append(lines, s.Cut("RESULT  "+s.Plain(result), s.Width))
	}

	return lines
}

// fitLine joins as many parts as fit, separated by two spaces. It may shorten
// the last one.
func (s Style) fitLine(parts []string) string {
	line := parts[0]
	for i, part := range parts[1:] {
		room := s.Width - Width(line) - 2
		switch {
		case s.Width < 1 || Width(part) <= room:
			line += "  " + part
		case i == len(parts)-2 && room >= 4:
			line += "  " + s.Cut(part, room)
		default:
			return line
		}
	}

	return line
}

// doneOf returns how many tasks are done of a total, and how many were
// cancelled.
func doneOf(c *view.TaskCounts, total string) string {
	text := Count(c.Done()) + "/" + total
	if c.Cancelled > 0 {
		text += " " + Count(c.Cancelled) + " cancelled"
	}

	return text
}

func stageRate(stage *view.StageView, now time.Time) string {
	rate := stage.Rate(now)
	if rate == nil || stage.Tasks.Total < 2 {
		return "" // one task has no rate
	}

	return Rate(*rate)
}

func stageWaited(stage *view.StageView, now time.Time) string {
	return period(stage.Waited(now), stage.Began() != nil || stage.FinishedAt != nil)
}

func stageRan(stage *view.StageView, now time.Time) string {
	return period(stage.Ran(now), stage.FinishedAt != nil)
}

// StatusTabbed shows a job for other programs. Each line begins with the word
// job, stage or result. A stage has: name, status, kind, done, total, failed,
// cancelled, and the seconds that it waited and ran.
func StatusTabbed(job view.JobView, now time.Time) []string {
	rows := [][]string{{
		"job", job.JobID.String(), clean(job.JobType), string(job.Status), strconv.Itoa(job.Attempt),
		strconv.Itoa(job.Tasks.Done()), strconv.Itoa(job.Tasks.Total), strconv.Itoa(job.Tasks.Failed),
		strconv.Itoa(job.Tasks.Cancelled), inSeconds(job.Waited(now)), inSeconds(job.Ran(now)),
	}}

	for i := range job.Stages {
		stage := &job.Stages[i]
		rows = append(rows, []string{
			"stage",
			clean(stage.Name),
			stage.Shown(),
			string(stage.Kind),
			strconv.Itoa(stage.Tasks.Done()),
			strconv.Itoa(stage.Tasks.Total),
			strconv.Itoa(stage.Tasks.Failed),
			strconv.Itoa(stage.Tasks.Cancelled),
			inSeconds(stage.Waited(now)),
			inSeconds(stage.Ran(now)),
		})
	}

	if result := compact(job.Result); result != "" {
		rows = append(rows, []string{"result", clean(result)})
	}

	return Tabbed(rows)
}

// inSeconds formats a duration for other programs. It is "" if there is none.
func inSeconds(d *time.Duration) string {
	if d == nil {
		return ""
	}

	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
}

func clean(text string) string { return Style{}.Plain(text) }
