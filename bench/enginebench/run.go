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

	"coremachine/bench/engine"
)

// hostCalls is the number of calls per run with which the host alone is
// measured.
const hostCalls = 4000

// runCmd compares the engine with the lower bound, on a durable Postgres.
type runCmd struct {
	Workloads []string `arg:"" optional:"" help:"hello, unbundled, wide, deep, fanin, latency, submit. Default: all."`
	N         []int    `default:"1000" help:"Tasks per stage. Separate several values by commas."`
	Jobs      []int    `default:"1" help:"Concurrent jobs. Separate several values by commas."`
	Runs      int      `default:"5" help:"Runs of each workload, interleaved with runs of the floor. The result is the median."`
	Mode      string   `enum:"engine,worker,functions" default:"engine" help:"engine (in this process), worker (plain worker processes) or functions (a handler under a host, over TCP)."`
	Processes []int    `default:"1" help:"Worker processes, or hosts with one handler each. Separate several values by commas."`
	Transport string   `enum:"postgres,servicebus" default:"postgres" help:"Message transport: postgres, or servicebus with an in-memory stand-in."`
}

// Run starts its own Postgres with fsync on, unless DATABASE_URL is set.
func (c *runCmd) Run(ctx context.Context, a *app) error {
	for _, n := range append(append(append([]int{c.Runs}, c.N...), c.Jobs...), c.Processes...) {
		if n < 1 {
			return usagef("--n, --jobs, --runs and --processes must be at least 1")
		}
	}

	for _, w := range c.Workloads {
		if !slices.Contains(engine.Workloads, w) {
			return usagef("unknown workload %q. Workloads: %s", w, strings.Join(engine.Workloads, ", "))
		}
	}

	if len(c.Workloads) == 0 {
		c.Workloads = engine.Workloads
	}

	program, done, err := ownProgram(c.Mode, c.Transport)
	if err != nil {
		return err
	}
	defer done()

	var (
		results []engine.Result
		calls   float64
	)

	err = a.onPostgres(ctx, func(url string) error {
		if c.Mode == engine.ModeFunctions {
			if calls, err = engine.HostCalls(
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

			r, err := engine.Run(ctx, o)
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

	return a.print(report, func() error { return table(a.out, results, calls) })
}

// rows returns the measurements, one for each meaningful combination.
func (c *runCmd) rows() []engine.Options {
	var all []engine.Options

	for _, w := range c.Workloads {
		ns, jobs := c.N, c.Jobs
		if w == "latency" || w == "submit" {
			ns, jobs = []int{1}, []int{1}
		}

		for _, p := range c.Processes {
			for _, n := range ns {
				for _, j := range jobs {
					all = append(all, engine.Options{
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

func table(out io.Writer, results []engine.Result, calls float64) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(
		w,
		"WORKLOAD\tMODE\tPROCESSES\tN\tJOBS\tTASKS\tMS\tTASKS/S\tP50 MS\tP95 MS\tP99 MS\tFLOOR MS\tOF "+
			"FLOOR\tWAL B/TASK\tCOMMITS/TASK\tSTATEMENTS/TASK\tPEAK MB\t",
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

// program is the executable of this program in its other roles.
type program struct {
	engine.Program
	App func(role string) (root string, err error)
}

// ownProgram creates the folders of the apps whose handler is this executable.
func ownProgram(mode, transport string) (p program, done func(), err error) {
	done = func() {}

	self, err := os.Executable()
	if err != nil {
		return p, done, err
	}

	p.Worker = func() *exec.Cmd { return exec.Command(self, "worker") } //nolint:noctx // stopped by its owner
	if mode != engine.ModeFunctions {
		return p, done, nil
	}

	folder, err := os.MkdirTemp("", "enginebench-")
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
		return exec.Command(self, "host", "--transport", transport, "--app", root) //nolint:noctx // as above
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
		"arguments":             []string{role},
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
