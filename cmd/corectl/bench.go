package main

import (
	"context"
	"fmt"
	"log/slog"
	"text/tabwriter"

	"coremachine/internal/bench"
)

// benchCmd is what measures.
type benchCmd struct {
	Run  benchRunCmd  `cmd:"" default:"withargs" help:"Measure workloads. The word run may be left out."`
	Exec benchExecCmd `cmd:"" help:"Run a program with DATABASE_URL set to the Postgres of the benchmarks."`
}

// benchRunCmd measures the engine in this process beside the floor, on a durable Postgres.
type benchRunCmd struct {
	Workloads []string `arg:"" optional:"" help:"hello, wide, deep, fanin, latency, submit. Default: all."`
	N         int      `default:"1000" help:"Tasks of a stage."`
	Jobs      int      `default:"1" help:"Jobs at once."`
	Runs      int      `default:"5" help:"Runs of each, interleaved with the floor's; the median counts."`
}

// Run starts a Postgres of its own, with fsync on, unless DATABASE_URL names one.
func (c *benchRunCmd) Run(ctx context.Context, a *app) error {
	if c.N < 1 || c.Jobs < 1 || c.Runs < 1 {
		return usagef("--n, --jobs and --runs must be at least 1")
	}
	return a.onPostgres(ctx, func(url string) error { return c.measure(ctx, a, url) })
}

func (c *benchRunCmd) measure(ctx context.Context, a *app, url string) error {
	workloads := c.Workloads
	if len(workloads) == 0 {
		workloads = bench.Workloads
	}
	var results []bench.Result
	for _, w := range workloads {
		r, err := bench.Run(ctx, bench.Options{
			URL: url, Workload: w, N: c.N, Jobs: c.Jobs, Runs: c.Runs, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	text, err := encode(map[string]any{"items": results})
	if err != nil {
		return err
	}
	return a.one(text, "", func() error {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
		_, _ = fmt.Fprintln(w, "WORKLOAD\tN\tJOBS\tTASKS\tMS\tTASKS/S\tP50 MS\tP99 MS\tFLOOR MS\tOF FLOOR\tWAL B/TASK\tCOMMITS/TASK\t")
		for _, r := range results {
			_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.1f\t%.0f\t%.1f\t%.1f\t%.1f\t%.2f\t%.0f\t%.3f\t\n", r.Workload, r.N, r.Jobs, r.Tasks, r.Ms, r.PerSec,
				r.P50Ms, r.P99Ms, r.FloorMs, r.Ratio, r.WALBytes, r.Commits)
		}
		return w.Flush() // which tells of the writes before it
	})
}
