package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Jobs lists jobs for people. texts renders their parameters.
func (s Style) Jobs(jobs []view.JobSummary, texts *view.ParameterTexts, now time.Time) []string {
	columns := []Column{
		{Head: "ID"},
		{Head: "TYPE", Cut: 7},
		{Head: "STATUS"},
		{Head: "DONE", Drop: 2},
		{Head: "FAILED", Right: true, Drop: 1},
		{Head: "STARTED", Drop: 3},
		{Head: "RAN", Drop: 4},
	}

	labelled := slices.ContainsFunc(jobs, func(job view.JobSummary) bool {
		return job.RunKey != "" || len(job.Tags) > 0
	})
	if labelled {
		columns = append(columns, Column{Head: "KEY AND TAGS", Cut: 12, Drop: 5})
	}

	columns = append(columns, Column{Head: "PARAMETERS", Cut: 12, Drop: 6})

	rows := make([][]string, len(jobs))
	for i := range jobs {
		job := &jobs[i]
		started := "-"

		switch {
		case job.StartedAt != nil:
			started = Ago(now, *job.StartedAt)
		case job.Delayed(now):
			started = In(now, *job.StartAt)
		}

		rows[i] = []string{
			Short(job.JobID),
			s.Plain(job.JobType),
			job.Shown(now),
			doneOf(&job.Tasks, Count(job.Tasks.Total)),
			Count(job.Tasks.Failed),
			started,
			jobRan(job, now),
		}
		if labelled {
			rows[i] = append(rows[i], s.listLabels(*job))
		}

		rows[i] = append(rows[i], cmp.Or(s.Plain(texts.Of(job)), "-"))
	}

	return s.Table(columns, rows, func(r, c int) Ink {
		switch {
		case c == 2:
			return jobInk(jobs[r].Status)
		case c == 4 && jobs[r].Tasks.Failed > 0:
			return Red
		}

		return Plain
	})
}

// JobsTabbed lists jobs for other programs: id, type, status, done, total,
// failed, created, started, finished, run key, tags separated by commas,
// cancelled, parameters that differ from the defaults.
func JobsTabbed(jobs []view.JobSummary, texts *view.ParameterTexts) []string {
	rows := make([][]string, len(jobs))
	for i, job := range jobs {
		rows[i] = []string{
			job.JobID.String(),
			clean(job.JobType),
			string(job.Status),
			strconv.Itoa(job.Tasks.Done()),
			strconv.Itoa(job.Tasks.Total),
			strconv.Itoa(job.Tasks.Failed),
			stamp(&job.CreatedAt),
			stamp(job.StartedAt),
			stamp(job.FinishedAt),
			clean(job.RunKey),
			clean(strings.Join(pairs(job.Tags), ",")),
			strconv.Itoa(job.Tasks.Cancelled),
			clean(texts.Of(&job)),
		}
	}

	return Tabbed(rows)
}

// Tasks lists tasks for people. limits holds the maximum number of tries for
// the tasks of each stage, if known.
func (s Style) Tasks(tasks []view.TaskSummary, limits map[string]int, now time.Time) []string {
	columns := []Column{
		{Head: "STAGE", Cut: 10},
		{Head: "INDEX", Right: true},
		{Head: "STATUS"},
		{Head: "TRIES", Right: true, Drop: 2},
		{Head: "TOOK", Drop: 3},
		{Head: "ERROR", Cut: 16, Drop: 1},
	}

	running := slices.ContainsFunc(tasks, func(t view.TaskSummary) bool { return t.Progress != nil })
	if running {
		columns[5].Head = "PROGRESS OR ERROR"
	}

	rows := make([][]string, len(tasks))
	for i, task := range tasks {
		rows[i] = []string{
			s.Plain(task.Stage),
			strconv.Itoa(task.Index),
			string(task.Status),
			tries(&task, limits),
			taskTook(task, now),
			s.progress(task),
		}
	}

	return s.Table(columns, rows, func(r, c int) Ink {
		if c == 2 {
			return taskInk(tasks[r].Status)
		}

		return Plain
	})
}

// progress returns the progress of a task that reports it, or its error.
func (s Style) progress(task view.TaskSummary) string {
	if task.Progress == nil {
		return s.Plain(task.ErrorText())
	}

	return joinNonEmpty(" ", view.FormatShare(task.Progress.Fraction), s.Plain(task.Progress.Note))
}

// TasksTabbed lists tasks for other programs: stage, index, status, tries,
// started, finished, error, progress (0 to 1), and its note.
func TasksTabbed(tasks []view.TaskSummary) []string {
	rows := make([][]string, len(tasks))
	for i, task := range tasks {
		rows[i] = []string{
			clean(task.Stage), strconv.Itoa(task.Index), string(task.Status), strconv.Itoa(task.Tries()),
			stamp(task.StartedAt), stamp(task.FinishedAt), clean(task.ErrorText()), "", "",
		}
		if p := task.Progress; p != nil {
			rows[i][7], rows[i][8] = strconv.FormatFloat(p.Fraction, 'f', -1, 64), clean(p.Note)
		}
	}

	return Tabbed(rows)
}

// tries shows the number of tries and the limit.
func tries(task *view.TaskSummary, limits map[string]int) string {
	if limits[task.Stage] > 0 {
		return fmt.Sprintf("%d/%d", task.Tries(), limits[task.Stage])
	}

	return strconv.Itoa(task.Tries())
}

func taskTook(task view.TaskSummary, now time.Time) string {
	switch {
	case task.StartedAt == nil:
		return ""
	case task.FinishedAt != nil:
		return view.FormatDuration(task.FinishedAt.Sub(*task.StartedAt))
	case task.Status == state.TaskRunning:
		return Elapsed(now.Sub(*task.StartedAt))
	}

	return ""
}

func taskInk(status state.TaskStatus) Ink {
	switch status {
	case state.TaskCompleted:
		return Green
	case state.TaskFailed:
		return Red
	case state.TaskRunning:
		return Blue
	case state.TaskQueued, state.TaskCancelled:
		return Dim
	}

	return Plain
}

func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}

	return t.UTC().Format(time.RFC3339Nano)
}

// Plan shows what a submit would start, from the answer to a dry run.
func (s Style) Plan(jobType string, would view.Submission) []string {
	total, open := 0, false

	rows := make([][]string, len(would.Plan))
	for i, stage := range would.Plan {
		count := "?"

		switch {
		case stage.Skipped:
			count = "skipped"
		case stage.Tasks != nil:
			total += *stage.Tasks
			count = Count(*stage.Tasks)
		default:
			open = true
		}

		rows[i] = []string{s.Plain(stage.Name), count}
	}

	count := Things(total, "task")
	if open {
		count = "at least " + count
	}

	head := s.fitLine([]string{
		fmt.Sprintf("%s %s would run %s", s.Plain(jobType), Short(would.JobID), count),
		s.Plain(string(would.Parameters)),
	})

	return append(
		[]string{head},
		s.Table([]Column{{Head: "STAGE", Cut: 12}, {Head: "TASKS", Right: true}}, rows, nil)...)
}
