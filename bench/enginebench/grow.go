package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"coremachine/bench/engine"
)

// growCmd compares databases that contain much with empty ones.
type growCmd struct {
	Conditions  []string `arg:"" optional:"" help:"tasks, jobs, queue, schedules, generations. Default: all."`
	N           int      `default:"10000" help:"Tasks per stage of the large job, and messages that are timed in the queue."`
	Runs        int      `default:"5" help:"Runs of each side, interleaved. The result is the median."`
	Tasks       int      `default:"10000000" help:"Finished tasks."`
	Jobs        int      `default:"100000" help:"Finished jobs with tags and events."`
	Queue       int      `default:"100000" help:"Messages in the queue."`
	Schedules   int      `default:"1000" help:"Schedules."`
	Generations int      `default:"50" help:"Earlier generations of the jobs that run again."`
}

// Run starts a Postgres as bench run does.
func (c *growCmd) Run(ctx context.Context, a *app) error {
	sizes := []int{c.Runs, c.Tasks, c.Jobs, c.Queue, c.Schedules, c.Generations}
	if slices.Min(sizes) < 1 || c.N < 10 {
		return usagef("--n must be at least 10, and every other number at least 1")
	}

	for _, w := range c.Conditions {
		if !slices.Contains(engine.Conditions, w) {
			return usagef("unknown condition %q. Conditions: %s", w, strings.Join(engine.Conditions, ", "))
		}
	}

	if len(c.Conditions) == 0 {
		c.Conditions = engine.Conditions
	}

	return a.onPostgres(ctx, func(url string) error {
		all, err := engine.Grow(
			ctx,
			engine.Options{URL: url, N: c.N, Jobs: 1, Runs: c.Runs, Log: slog.New(slog.DiscardHandler)},
			engine.Sizes{
				Tasks: c.Tasks, Jobs: c.Jobs, Queue: c.Queue, Schedules: c.Schedules, Generations: c.Generations,
			},
			c.Conditions,
			func(g engine.Growth) { _, _ = fmt.Fprintln(a.err, growLine(g)) },
		)

		return a.bigResult(map[string]any{"items": all}, err, func() []string { return growLines(all) })
	})
}

// conditionText names a condition with its size.
func conditionText(g engine.Growth) string {
	what := map[string]string{
		"tasks": "finished tasks", "jobs": "finished jobs with tags and events", "queue": "messages in the queue",
		"schedules": "schedules", "generations": "earlier generations",
	}

	return thousands(g.Size) + " " + what[g.Condition]
}

func growLines(all []engine.Growth) []string {
	lines := []string{
		"| the database contains | load | empty, tasks/s | with it, tasks/s | ratio |",
		"|---|---|---:|---:|---:|",
	}
	for _, g := range all {
		lines = append(lines, growLine(g))
	}

	return lines
}

func growLine(g engine.Growth) string {
	return fmt.Sprintf(
		"| %s | %s | %s | %s | %.2f |",
		conditionText(g), g.Load, thousands(int(g.PerSec)), thousands(int(g.Other)), g.Ratio,
	)
}

// thousands formats n with separators.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}

	return text
}
