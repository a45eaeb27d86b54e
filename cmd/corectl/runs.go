package main

import (
	"context"
	"net/url"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/view"
)

type runsCmd struct {
	ID string `arg:"" help:"Job id, at least its first 4 digits, or @last."`
}

// Run lists the runs of a job: its submit, retries and reruns.
func (c *runsCmd) Run(ctx context.Context, a *app) error {
	id, err := a.jobID(ctx, c.ID)
	if err != nil {
		return err
	}

	page, answer, err := list[view.RunView](ctx, a, "/jobs/"+id.String()+"/runs", nil)
	if err != nil {
		return err
	}

	all := printer[view.RunView]{app: a, name: render.RunName}
	if a.format != "table" {
		return all.whole(answer)
	}

	if !a.outTTY {
		return a.lines(render.RunsTabbed(page.Items))
	}

	return a.lines(a.outStyle().Runs(page.Items, a.now()))
}

type compareCmd struct {
	Left  string `arg:"" help:"Job id, at least its first 4 digits, or @last."`
	Right string `arg:"" help:"Another job of the same type."`
}

// Run shows what differs between two jobs of a type.
func (c *compareCmd) Run(ctx context.Context, a *app) error {
	left, err := a.jobID(ctx, c.Left)
	if err != nil {
		return err
	}

	right, err := a.jobID(ctx, c.Right)
	if err != nil {
		return err
	}

	answer, err := a.api.Get(ctx, "/jobs/"+left.String()+"/compare", url.Values{"with": {right.String()}})
	if err != nil {
		return err
	}

	return a.one(answer.Body, left.String(), func() error {
		found, err := decode[view.Comparison](answer)
		if err != nil {
			return err
		}

		if !a.outTTY {
			return a.lines(render.ComparisonTabbed(found))
		}

		return a.lines(a.outStyle().Comparison(found))
	})
}
