package main

import (
	"context"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/view"
)

type statusCmd struct {
	ID    string `arg:"" help:"Job id, at least its first 4 digits, or @last."`
	Watch bool   `short:"w" help:"Follow the job. The exit code is its outcome."`
	watchFlags
}

// Run shows one reading, or follows the job.
func (c *statusCmd) Run(ctx context.Context, a *app) error {
	id, err := a.jobID(ctx, c.ID)
	if err != nil {
		return err
	}

	if c.Watch {
		return a.watch(ctx, id, c.watchFlags)
	}

	job, answer, err := a.job(ctx, id)
	if err != nil {
		return err
	}

	return a.one(answer.Body, job.JobID.String(), func() error { return a.status(job) })
}

func (a *app) status(job view.JobView) error {
	if !a.outTTY {
		return a.lines(render.StatusTabbed(job, a.now()))
	}

	lines := a.outStyle().Status(job, a.now())
	if job.Tasks.Failed > 0 {
		lines = append(lines, a.outStyle().Errors(&job)...)
	}

	lines = append(lines, a.outStyle().Notification(job.Notification, a.now())...)

	return a.lines(lines)
}
