package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

type tasksCmd struct {
	ID     string `arg:"" help:"Job id, at least its first 4 digits, or @last."`
	Stage  string `placeholder:"STAGE" help:"Only tasks of this stage."`
	Status string `placeholder:"STATUS" help:"Only tasks with this status: queued, running, completed, failed, cancelled."`
	Failed bool   `help:"Short for --status failed."`
	Error  string `placeholder:"FINGERPRINT" help:"Only failed tasks with this error: its fingerprint as shown by failures, or the first digits of it."`
	pageFlags
}

// Run lists tasks.
func (c *tasksCmd) Run(ctx context.Context, a *app) error {
	id, err := a.jobID(ctx, c.ID)
	if err != nil {
		return err
	}

	query := url.Values{}
	if err := c.filter(ctx, a, id, query); err != nil {
		return err
	}

	all := printer[view.TaskSummary]{
		app:  a,
		name: func(task view.TaskSummary) string { return fmt.Sprintf("%s/%d", task.Stage, task.Index) },
		table: func(tasks []view.TaskSummary) []string {
			if a.outTTY {
				return a.outStyle().Tasks(tasks, a.budgets(ctx, id), a.now())
			}

			return render.TasksTabbed(tasks)
		},
	}

	next, err := all.list(ctx, listing{
		path: "/jobs/" + id.String() + "/tasks", query: query, limit: c.Limit, moreFlags: c.moreFlags,
	})
	if err != nil {
		return a.orMissing(err, id)
	}

	switch {
	case all.count == 0:
		a.hint("No task matches.")
	case next != "":
		a.moreHint(c.left(ctx, a, id, all.count))
	}

	return nil
}

func (c *tasksCmd) filter(ctx context.Context, a *app, id state.JobID, query url.Values) error {
	for flag, given := range map[string]bool{"--failed": c.Failed, "--error": c.Error != ""} {
		if given && c.Status != "" && c.Status != string(state.TaskFailed) {
			return usagef("%s and --status %s contradict each other.", flag, c.Status)
		}
	}

	if c.Failed || c.Error != "" {
		c.Status = string(state.TaskFailed)
	}

	if c.Status != "" {
		known := each(state.TaskStatuses, func(s state.TaskStatus) string { return string(s) })
		if !slices.Contains(known, c.Status) {
			return usagef(
				"unknown status %q%s Statuses: %s",
				c.Status,
				first(meant(c.Status, known), "."),
				strings.Join(known, ", "),
			)
		}

		query.Set("status", c.Status)
	}

	if c.Stage != "" {
		if err := a.knownStage(ctx, id, c.Stage); err != nil {
			return err
		}

		query.Set("stage", c.Stage)
	}

	if c.Error != "" {
		fingerprint, err := a.fingerprint(ctx, id, c.Error)
		if err != nil {
			return err
		}

		query.Set("error", fingerprint.String())
	}

	return nil
}

// budgets returns the maximum number of tries of each stage's tasks, as the
// registry declares it now. Without an answer, it returns an empty map.
func (a *app) budgets(ctx context.Context, id state.JobID) map[string]int {
	job, _, err := a.job(ctx, id)
	if err != nil {
		return nil
	}

	types, err := a.types(ctx)
	if err != nil {
		return nil
	}

	limits := map[string]int{}

	declared, _ := state.FindType(types, job.JobType)
	for _, stage := range declared.Stages {
		limits[stage.Name] = stage.MaxAttempts
	}

	return limits
}

// left reports the number of omitted tasks, if the counts of the stages contain
// it.
func (c *tasksCmd) left(ctx context.Context, a *app, id state.JobID, given int) string {
	job, _, err := a.job(ctx, id)
	if err != nil || c.continued() || c.Error != "" {
		return "more"
	}

	sum := 0

	for _, stage := range job.Stages {
		if c.Stage == "" || c.Stage == stage.Name {
			sum += byStatus(stage.Tasks, c.Status)
		}
	}

	if sum <= given {
		return "more"
	}

	return render.Count(sum-given) + " more"
}

func byStatus(counts view.TaskCounts, status string) int {
	switch status {
	case "queued":
		return counts.Queued
	case "running":
		return counts.Running
	case "completed":
		return counts.Completed
	case "failed":
		return counts.Failed
	case "cancelled":
		return counts.Cancelled
	}

	return counts.Total
}

// knownStage rejects a stage that the job does not have, and lists its stages.
func (a *app) knownStage(ctx context.Context, id state.JobID, stage string) error {
	job, _, err := a.job(ctx, id)
	if err != nil {
		return err
	}

	names := each(job.Stages, func(s view.StageView) string { return s.Name })
	if slices.Contains(names, stage) {
		return nil
	}

	text := fmt.Sprintf("%s has no stage %q.", name(job, id), stage)
	if c := closest(stage, names); c != "" {
		text += " Did you mean " + c + "?"
	}

	return exitf(exitNotFound, "%s Stages: %s", text, strings.Join(names, ", "))
}
