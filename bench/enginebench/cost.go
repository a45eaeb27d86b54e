package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"coremachine/bench/engine"
)

// costCmd measures what a task costs.
type costCmd struct {
	Shapes    []string `arg:"" optional:"" help:"bundled (one large job), small (jobs of 10 tasks), messages (a message for each task), single (jobs of one task). Default: all."`
	N         int      `default:"10000" help:"Tasks per stage of the large job. The other shapes are smaller in proportion."`
	Runs      int      `default:"5" help:"Runs of each shape."`
	Mode      []string `enum:"engine,worker,functions" default:"engine" help:"See bench run. Separate several values by commas."`
	Processes []int    `default:"1" help:"See bench run. Engine mode has one process."`
	Transport string   `enum:"postgres,servicebus" default:"postgres" help:"See bench run."`
}

// Run starts a Postgres as bench run does.
func (c *costCmd) Run(ctx context.Context, a *app) error {
	if c.N < 1 || c.Runs < 1 || slices.Min(c.Processes) < 1 {
		return usagef("--n, --runs and --processes must be at least 1")
	}

	for _, w := range c.Shapes {
		if !slices.Contains(engine.Shapes, w) {
			return usagef("unknown shape %q. Shapes: %s", w, strings.Join(engine.Shapes, ", "))
		}
	}

	if len(c.Shapes) == 0 {
		c.Shapes = engine.Shapes
	}

	var all []engine.Cost

	err := a.onPostgres(ctx, func(url string) error {
		for _, mode := range c.Mode {
			some, err := c.measure(ctx, a, url, mode)
			if err != nil {
				return err
			}

			all = append(all, some...)
		}

		return nil
	})

	return a.bigResult(map[string]any{"items": all}, err, func() []string { return costLines(all) })
}

func (c *costCmd) measure(ctx context.Context, a *app, url, mode string) (all []engine.Cost, err error) {
	program, done, err := ownProgram(mode, c.Transport)
	if err != nil {
		return nil, err
	}
	defer done()

	processes := c.Processes
	if mode == engine.ModeEngine {
		processes = []int{1}
	}

	for _, p := range processes {
		some, err := engine.Costs(ctx, engine.Options{
			URL: url, N: c.N, Runs: c.Runs, Mode: mode, ServiceBus: c.Transport == "servicebus",
			Processes: p, Program: program.Program, Log: slog.New(slog.DiscardHandler),
		}, c.Shapes)
		if err != nil {
			return nil, err
		}

		for _, r := range some {
			_, _ = fmt.Fprintln(a.err, costLine(r))
		}

		all = append(all, some...)
	}

	return all, nil
}

func costLines(all []engine.Cost) []string {
	lines := []string{
		"| load | mode | processes | tasks/s | CPU of Postgres, µs per task | CPU of our processes, µs per task " +
			"| WAL, bytes per task | disk, bytes per task | commits per task |",
		"|---|---|---:|---:|---:|---:|---:|---:|---:|",
	}
	for _, r := range all {
		lines = append(lines, costLine(r))
	}

	return lines
}

func costLine(r engine.Cost) string {
	return fmt.Sprintf(
		"| %s | %s | %d | %s | %s | %s | %s | %s | %.3f |",
		r.Load, r.Mode, r.Processes, thousands(int(r.PerSec)), figure("%.0f", r.ServerCPU), figure("%.0f", r.OwnCPU),
		thousands(int(r.WALBytes)), thousands(int(r.DiskBytes)), r.Commits,
	)
}
