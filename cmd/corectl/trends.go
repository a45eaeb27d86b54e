package main

import (
	"context"
	"net/url"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/view"
)

type trendsCmd struct {
	Type   string `arg:"" optional:"" help:"Only this job type."`
	Window string `enum:"1h,24h,7d" default:"1h" help:"The last 1h, 24h or 7d."`
}

// Run shows what started and ended, and whether the last hour is as usual.
func (c *trendsCmd) Run(ctx context.Context, a *app) error {
	query := url.Values{"window": {c.Window}}
	if c.Type != "" {
		query.Set("type", c.Type)
	}

	answer, err := a.api.Get(ctx, "/trends", query)
	if err != nil {
		return err
	}

	found, err := decode[view.TrendsView](answer)
	if err != nil {
		return err
	}

	return a.one(answer.Body, found.Usual.Verdict, func() error {
		if !a.outTTY {
			return a.lines(render.TrendsTabbed(found))
		}

		return a.lines(a.outStyle().Trends(found))
	})
}
