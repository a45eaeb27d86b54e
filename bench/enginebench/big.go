package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"coremachine/bench/engine"
)

// bigCmd runs the benchmarks that take minutes.
type bigCmd struct {
	What      string `arg:"" enum:"million,aged,retention,tagged" help:"million (a job of 2 N tasks, one task over all results, and small jobs at the same time), aged (with and without finished tasks in the database) retention (while finished tasks are deleted) or tagged (lists by tag and parameter)."`
	N         int    `default:"0" help:"Tasks per stage, or reads of each list for tagged. 0: 1000000 for million, 400 for tagged, otherwise 10000."`
	Finished  int    `default:"0" help:"Finished tasks in the database, or jobs for tagged. 0: 10000000 for aged, otherwise 1000000."`
	Runs      int    `default:"5" help:"Runs. The result is the median."`
	Mode      string `enum:"engine,worker,functions" default:"engine" help:"See bench run."`
	Processes int    `default:"1" help:"See bench run."`
	Transport string `enum:"postgres,servicebus" default:"postgres" help:"See bench run."`
}

// Run starts a Postgres as bench run does.
func (c *bigCmd) Run(ctx context.Context, a *app) error {
	if c.N < 0 || c.Finished < 0 || c.Runs < 1 || c.Processes < 1 {
		return usagef("--runs and --processes must be at least 1, and no number may be negative")
	}

	program, done, err := ownProgram(c.Mode, c.Transport)
	if err != nil {
		return err
	}
	defer done()

	return a.onPostgres(ctx, func(url string) error {
		o := engine.Options{
			URL:        url,
			N:          c.N,
			Jobs:       1,
			Runs:       c.Runs,
			Mode:       c.Mode,
			ServiceBus: c.Transport == "servicebus",
			Processes:  c.Processes,
			Program:    program.Program,
			Log:        slog.New(slog.DiscardHandler),
		}
		switch c.What {
		case "million":
			o.N = or(o.N, 1_000_000)
			r, err := engine.Million(ctx, o)

			return a.bigResult(r, err, func() []string { return millionLines(r) })
		case "aged":
			o.N = or(o.N, 10_000)
			all, err := engine.Aged(ctx, o, or(c.Finished, 10_000_000))

			return a.bigResult(map[string]any{"items": all}, err, func() []string { return agedLines(all) })
		}

		if c.What == "tagged" {
			o.N = or(o.N, 400)
			all, err := engine.Tagged(ctx, o, or(c.Finished, 1_000_000))

			return a.bigResult(map[string]any{"items": all}, err, func() []string { return taggedLines(all) })
		}

		o.N = or(o.N, 10_000)
		r, err := engine.Retention(ctx, o, or(c.Finished, 1_000_000))

		return a.bigResult(r, err, func() []string { return agedLines([]engine.AgedResult{r}) })
	})
}

func or(n, instead int) int {
	if n == 0 {
		return instead
	}

	return n
}

func (a *app) bigResult(result any, err error, lines func() []string) error {
	if err != nil {
		return err
	}

	return a.print(result, func() error {
		_, err := fmt.Fprintln(a.out, strings.Join(lines(), "\n"))
		return err
	})
}

func millionLines(r engine.MillionResult) []string {
	totals := make([]string, len(r.TotalMs))
	for i, t := range r.TotalMs {
		totals[i] = fmt.Sprintf("%.1f s", t/1000)
	}

	lines := []string{
		fmt.Sprintf("%d tasks in %.1f s, %s mode, %d processes", r.Tasks, r.Ms/1000, r.Mode, r.Processes),
		fmt.Sprintf("tasks/s                %.0f", r.PerSec),
		fmt.Sprintf("10,000 per stage       %.0f, ratio %.2f", r.SmallPerSec, r.Ratio),
		"time until total      " + strings.Join(totals, ", "),
		fmt.Sprintf("status, list p95       %.1f ms, %.1f ms", r.StatusMs, r.ListMs),
		fmt.Sprintf("WAL per task           %.0f bytes", r.WALBytes),
		"peak memory, MB        " + peakText(r.PeakBytes),
	}
	if len(r.BesideMs) == 3 {
		lines = append(
			lines,
			fmt.Sprintf(
				"%d concurrent n=10 jobs p50 %.0f ms, p95 %.0f ms, max %.0f ms",
				r.Beside,
				r.BesideMs[0],
				r.BesideMs[1],
				r.BesideMs[2],
			),
		)
	}

	return lines
}

func agedLines(all []engine.AgedResult) []string {
	var lines []string

	for _, r := range all {
		line := fmt.Sprintf(
			"%d jobs of n=%d: %.0f tasks/s, with %s (%d) %.0f tasks/s, ratio %.2f, %d runs; filled in %.1f s",
			r.Jobs,
			r.N,
			r.PerSec,
			r.Against,
			r.Finished,
			r.Other,
			r.Ratio,
			r.Runs,
			r.FillMs/1000,
		)
		if r.PurgeMs > 0 {
			line += fmt.Sprintf(", deleted in %.1f s", r.PurgeMs/1000)
		}

		lines = append(lines, line)
	}

	return lines
}

func taggedLines(all []engine.TaggedResult) []string {
	lines := []string{"filter                      p50 ms    p95 ms    max ms     jobs"}
	for _, r := range all {
		lines = append(lines, fmt.Sprintf("%-24s %9.2f %9.2f %9.2f %8d", r.Filter, r.P50, r.P95, r.Most, r.Items))
	}

	return lines
}
