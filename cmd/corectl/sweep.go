package main

import (
	"context"
	"encoding/json"

	"coremachine/internal/view"
)

type sweepCmd struct{}

// Run runs a sweep now and reports what it found.
func (c *sweepCmd) Run(ctx context.Context, a *app) error {
	answer, err := a.api.Post(ctx, "/sweeps", nil, nil)
	if err != nil {
		return err
	}

	return a.one(answer.Body, "", func() error {
		sweep, err := decode[view.SweepView](answer)
		if err != nil {
			return err
		}

		var found map[string]int
		if json.Unmarshal(sweep.Found, &found) == nil && found["lost"]+found["resent"]+found["repaired"] > 0 {
			a.hint("runbook: %s", view.RunbookSweep.At(a.api.Base()))
		}

		return a.lines(a.outStyle().Sweep(sweep))
	})
}
