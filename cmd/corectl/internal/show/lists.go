package show

import (
	"fmt"
	"strconv"
	"time"

	"coremachine/cmd/corectl/internal/client"
	"coremachine/internal/state"
)

// Jobs is a list of jobs for people.
func (s Style) Jobs(jobs []client.Job, now time.Time) []string {
	columns := []Column{
		{Head: "ID"}, {Head: "TYPE", Cut: 7}, {Head: "STATUS"}, {Head: "DONE", Drop: 2},
		{Head: "FAILED", Right: true, Drop: 1}, {Head: "STARTED", Drop: 3}, {Head: "TOOK", Drop: 4},
	}
	rows := make([][]string, len(jobs))
	for i, job := range jobs {
		started := "-"
		if job.StartedAt != nil {
			started = Ago(now, *job.StartedAt)
		}
		rows[i] = []string{
			Short(job.JobID), s.Plain(job.JobType), string(job.Status),
			Count(job.Tasks.Ended()) + "/" + Count(job.Tasks.Total), Count(job.Tasks.Failed), started, jobTook(job, now),
		}
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

// JobsTabbed is the same for another program: id, type, status, ended, total, failed, created, started, finished.
func JobsTabbed(jobs []client.Job) []string {
	rows := make([][]string, len(jobs))
	for i, job := range jobs {
		rows[i] = []string{
			job.JobID, clean(job.JobType), string(job.Status), strconv.Itoa(job.Tasks.Ended()), strconv.Itoa(job.Tasks.Total),
			strconv.Itoa(job.Tasks.Failed), stamp(&job.CreatedAt), stamp(job.StartedAt), stamp(job.FinishedAt),
		}
	}
	return Tabbed(rows)
}

// Tasks is a list of tasks for people.
func (s Style) Tasks(tasks []client.Task, now time.Time) []string {
	columns := []Column{
		{Head: "STAGE", Cut: 10}, {Head: "INDEX", Right: true}, {Head: "STATUS"},
		{Head: "TRIES", Drop: 2}, {Head: "TOOK", Drop: 3}, {Head: "ERROR", Cut: 16, Drop: 1},
	}
	rows := make([][]string, len(tasks))
	for i, task := range tasks {
		rows[i] = []string{
			s.Plain(task.Stage), strconv.Itoa(task.Index), string(task.Status), tries(task), taskTook(task, now), s.Plain(task.Error),
		}
	}
	return s.Table(columns, rows, func(r, c int) Ink {
		if c == 2 {
			return taskInk(tasks[r].Status)
		}
		return Plain
	})
}

// TasksTabbed is the same for another program: stage, index, status, attempt, started, finished, error.
func TasksTabbed(tasks []client.Task) []string {
	rows := make([][]string, len(tasks))
	for i, task := range tasks {
		rows[i] = []string{
			clean(task.Stage), strconv.Itoa(task.Index), string(task.Status), strconv.Itoa(task.Attempt),
			stamp(task.StartedAt), stamp(task.FinishedAt), clean(task.Error),
		}
	}
	return Tabbed(rows)
}

func tries(task client.Task) string {
	if task.MaxAttempts > 0 {
		return fmt.Sprintf("%d/%d", task.Attempt, task.MaxAttempts)
	}
	return strconv.Itoa(task.Attempt)
}

func taskTook(task client.Task, now time.Time) string {
	switch {
	case task.StartedAt == nil:
		return ""
	case task.FinishedAt != nil:
		return Took(task.FinishedAt.Sub(*task.StartedAt))
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

// Plan is what a dry run of a submit would start.
func (s Style) Plan(jobType string, plan client.Submission) []string {
	total, open := 0, false
	lines := make([]string, 0, len(plan.Stages)+1)
	for _, stage := range plan.Stages {
		total += stage.Tasks.Total
		open = open || !stage.Planned
	}
	count := Things(total, "task")
	if open {
		count = "at least " + count
	}
	lines = append(lines, s.fitLine([]string{
		fmt.Sprintf("%s %s would run %s", s.Plain(jobType), Short(plan.JobID), count), s.Plain(string(plan.Parameters)),
	}))
	for _, stage := range plan.Stages {
		lines = append(lines, fmt.Sprintf("  %s  %s  %s", s.Plain(stage.Name), stage.Kind, stageTotal(stage)))
	}
	return lines
}
