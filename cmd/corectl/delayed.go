package main

import (
	"context"
	"net/url"
	"time"

	"coremachine/cmd/corectl/internal/render"
)

// startFlags are the flags that delay the start of a job.
type startFlags struct {
	Delay   string `placeholder:"DURATION" help:"Start the job after this time, for example 90s, 2h or 7d."`
	StartAt string `placeholder:"TIME" help:"Start the job at this time, for example 2026-01-31T12:00:00Z."`
}

// set adds the flags to the query of a submit.
func (f startFlags) set(query url.Values) error {
	if f.Delay != "" && f.StartAt != "" {
		return usagef("use either --delay or --start-at, not both.")
	}

	if f.Delay != "" {
		query.Set("delay", f.Delay)
	}

	if f.StartAt == "" {
		return nil
	}

	if _, err := time.Parse(time.RFC3339, f.StartAt); err != nil {
		return usagef("--start-at %q is not a time like 2026-01-31T12:00:00Z.", f.StartAt)
	}

	query.Set("start_at", f.StartAt)

	return nil
}

type startCmd struct {
	ID string `arg:"" help:"Job id, at least its first 4 digits, or @last."`
}

// Run starts a delayed job now.
func (c *startCmd) Run(ctx context.Context, a *app) error {
	id, err := a.jobID(ctx, c.ID)
	if err != nil {
		return err
	}

	answer, err := a.api.Post(ctx, "/jobs/start/"+id.String(), nil, nil)
	if err != nil {
		return a.orMissing(err, id)
	}

	return a.one(answer.Body, id.String(), func() error {
		a.hint("%s starts now · corectl status %s --watch", render.Short(id), render.Handle(id))
		return nil
	})
}
