package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"coremachine/internal/bench"
)

// benchCmd groups the benchmark commands.
type benchCmd struct {
	Run     benchRunCmd     `cmd:"" default:"withargs" help:"Measure workloads. The word run is optional."`
	Big     benchBigCmd     `cmd:"" help:"Measure long workloads: very large jobs, aged databases, retention."`
	Exec    benchExecCmd    `cmd:"" help:"Run a program with DATABASE_URL set to the benchmark Postgres."`
	Worker  benchWorkerCmd  `cmd:"" hidden:""`
	Handler benchHandlerCmd `cmd:"" hidden:""`
	Echo    benchEchoCmd    `cmd:"" hidden:""`
}

// hostCalls is the number of calls per run with which the host alone is
// measured.
const hostCalls = 4000

// benchRunCmd compares the engine with the lower bound, on a durable Postgres.
type benchRunCmd struct {
	Workloads []string `arg:"" optional:"" help:"hello, unbundled, wide, deep, fanin, latency, submit. Default: all."`
	N         []int    `default:"1000" help:"Tasks per stage. Separate several values by commas."`
	Jobs      []int    `default:"1" help:"Concurrent jobs. Separate several values by commas."`
	Runs      int      `default:"5" help:"Runs of each workload, interleaved with runs of the floor. The result is the median."`
	Mode      string   `enum:"engine,worker,functions" default:"engine" help:"engine (in this process), worker (plain worker processes) or functions (a handler under a host, over TCP)."`
	Processes []int    `default:"1" help:"Worker processes, or hosts with one handler each. Separate several values by commas."`
	Transport string   `enum:"postgres,servicebus" default:"postgres" help:"Message transport: postgres, or servicebus with an in-memory stand-in."`
}

// Run starts its own Postgres with fsync on, unless DATABASE_URL is set.
func (c *benchRunCmd) Run(ctx context.Context, a *app) error {
	for _, n := range append(append(append([]int{c.Runs}, c.N...), c.Jobs...), c.Processes...) {
		if n < 1 {
			return usagef("--n, --jobs, --runs and --processes must be at least 1")
		}
	}

	for _, w := range c.Workloads {
		if !slices.Contains(bench.Workloads, w) {
			return usagef(
				"unknown workload %q%s Workloads: %s",
				w,
				first(meant(w, bench.Workloads), "."),
				strings.Join(bench.Workloads, ", "),
			)
		}
	}

	if len(c.Workloads) == 0 {
		c.Workloads = bench.Workloads
	}

	program, done, err := ownProgram(c.Mode, c.Transport)
	if err != nil {
		return err
	}
	defer done()

	var (
		results []bench.Result
		calls   float64
	)

	err = a.onPostgres(ctx, func(url string) error {
		if c.Mode == bench.ModeFunctions {
			if calls, err = bench.HostCalls(
				ctx,
				hostCalls*c.Runs,
				program.App,
				slog.New(slog.DiscardHandler),
			); err != nil {
				return err
			}
		}

		for _, o := range c.rows() {
			o.URL, o.Program, o.Log = url, program.Program, slog.New(slog.DiscardHandler)

			r, err := bench.Run(ctx, o)
			if err != nil {
				return err
			}

			results = append(results, r)
		}

		return nil
	})
	if err != nil {
		return err
	}

	report := map[string]any{"items": results}
	if calls > 0 {
		report["host_calls_per_second"] = calls
	}

	text, err := encode(report)
	if err != nil {
		return err
	}

	return a.one(text, "", func() error { return benchTable(a.out, results, calls) })
}

// rows returns the measurements, one for each meaningful combination.
func (c *benchRunCmd) rows() []bench.Options {
	var all []bench.Options

	for _, w := range c.Workloads {
		ns, jobs := c.N, c.Jobs
		if w == "latency" || w == "submit" {
			ns, jobs = []int{1}, []int{1}
		}

		for _, p := range c.Processes {
			for _, n := range ns {
				for _, j := range jobs {
					all = append(all, bench.Options{
						Workload:   w,
						N:          n,
						Jobs:       j,
						Runs:       c.Runs,
						Mode:       c.Mode,
						ServiceBus: c.Transport == "servicebus",
						Processes:  p,
					})
				}
			}
		}
	}

	return all
}

func benchTable(out io.Writer, results []bench.Result, calls float64) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(
		w,
		"WORKLOAD\tMODE\tPROCESSES\tN\tJOBS\tTASKS\tMS\tTASKS/S\tP50 MS\tP95 MS\tP99 MS\tFLOOR MS\tOF FLOOR\tWAL B/TASK\tCOMMITS/TASK\tSTATEMENTS/TASK\tPEAK MB\t",
	)

	for _, r := range results {
		mode := r.Mode
		if r.Transport != "postgres" {
			mode += "+" + r.Transport
		}

		_, _ = fmt.Fprintf(
			w,
			"%s\t%s\t%d\t%d\t%d\t%d\t%.1f\t%.0f\t%.1f\t%.1f\t%.1f\t%s\t%s\t%.0f\t%.3f\t%s\t%s\t\n",
			r.Workload,
			mode,
			r.Processes,
			r.N,
			r.Jobs,
			r.Tasks,
			r.Ms,
			r.PerSec,
			r.P50Ms,
			r.P95Ms,
			r.P99Ms,
			figure(
				"%.1f",
				r.FloorMs,
			),
			figure("%.2f", r.Ratio),
			r.WALBytes,
			r.Commits,
			figure("%.3f", r.Statements),
			peakText(r.PeakBytes),
		)
	}

	if err := w.Flush(); err != nil { // Flush also reports errors of the earlier writes
		return err
	}

	if calls == 0 {
		return nil
	}

	_, err := fmt.Fprintf(out, "The bare host, with a handler that does nothing: %.0f calls/s\n", calls)

	return err
}

// figure formats f, or returns a dash if nothing was measured.
func figure(format string, f float64) string {
	if f == 0 {
		return "-"
	}

	return fmt.Sprintf(format, f)
}

func peakText(peaks map[string]int64) string {
	var parts []string

	for _, kind := range []string{"engine", "worker", "host", "handler"} {
		if b, ok := peaks[kind]; ok {
			parts = append(parts, fmt.Sprintf("%s %d", kind, b>>20))
		}
	}

	return strings.Join(parts, " ")
}

// benchProgram is the executable of this program in its other roles.
type benchProgram struct {
	bench.Program
	App func(role string) (root string, err error)
}

// ownProgram creates the folders of the apps whose handler is this executable.
func ownProgram(mode, transport string) (p benchProgram, done func(), err error) {
	done = func() {}

	self, err := os.Executable()
	if err != nil {
		return p, done, err
	}

	// The caller stops the process, so it needs no context.
	p.Worker = func() *exec.Cmd { return exec.Command(self, "bench", "worker") } //nolint:noctx
	if mode != bench.ModeFunctions {
		return p, done, nil
	}

	folder, err := os.MkdirTemp("", "corectl-bench-")
	if err != nil {
		return p, done, err
	}

	done = func() { _ = os.RemoveAll(folder) }
	p.App = func(role string) (string, error) { return appOf(folder, self, role) }

	root, err := p.App("handler")
	if err != nil {
		done()
		return p, func() {}, err
	}

	p.Host = func() *exec.Cmd {
		return exec.Command(
			self,
			"dev",
			"-o",
			"json",
			"--port",
			"0",
			"--transport",
			transport,
			"--app",
			root,
		) //nolint:noctx // the caller stops it
	}

	return p, done, nil
}

// appOf copies the project's app with this executable, in a role, as its
// handler.
func appOf(folder, self, role string) (string, error) {
	root, err := projectRoot()
	if err != nil {
		return "", err
	}

	text, err := os.ReadFile(filepath.Join(root, "host.json"))
	if err != nil {
		return "", err
	}

	var host map[string]any
	if err := json.Unmarshal(text, &host); err != nil {
		return "", err
	}

	handler, ok := host["customHandler"].(map[string]any)
	if !ok {
		return "", errors.New("host.json has no customHandler")
	}

	handler["description"] = map[string]any{
		"defaultExecutablePath": self,
		"arguments":             []string{"bench", role},
	}

	if text, err = json.Marshal(host); err != nil {
		return "", err
	}

	app := filepath.Join(folder, role)
	if err := os.CopyFS(
		filepath.Join(app, "function.json"),
		os.DirFS(filepath.Join(root, "function.json")),
	); err != nil {
		return "", err
	}

	return app, os.WriteFile(filepath.Join(app, "host.json"), text, 0o600)
}
