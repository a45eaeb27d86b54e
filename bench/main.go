// Command bench runs CoreMachine and its peers in turn on one Postgres and
// prints one table, or the figures of charts.
//
// It owns the order: every round measures each contender once, so that a
// machine that becomes slower affects all of them, and each round begins with
// another contender. Each measurement is a separate process with its own
// database or schema. It starts when the disk has what was written before, and
// measures after a warm-up and a checkpoint. If a contender cannot be built or
// fails, its line in the table says so. Apart from the standard library, bench
// may not import anything. The peers are separate programs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// shape is a workload. If Jobs is 0, the jobs run one at a time.
type shape struct {
	name    string
	n, jobs int
}

var shapes = []shape{
	{"n1000", 1000, 1},
	{"jobs100", 10, 100},
	{"latency", 1, 0},
	{"n10000", 10_000, 1},
}

func (s shape) tasks() int { return 2 * s.n * max(s.jobs, 1) }

func (s shape) String() string {
	switch {
	case s.jobs == 0:
		return "1 job of n=1"
	case s.jobs == 1:
		return fmt.Sprintf("n=%d", s.n)
	}
	return fmt.Sprintf("%d jobs of n=%d", s.jobs, s.n)
}

// contender is one row of the table.
type contender struct {
	name     string // package and variant
	engine   string // as the program reports it
	settings string
	program  string // empty for CoreMachine
	variant  string // of a peer, or CoreMachine's mode
	problem  string
}

// sample is one measurement in milliseconds: of all jobs, or of the median
// single job.
type sample struct{ ms, floor float64 }

type options struct {
	ours     string
	rounds   int
	shapes   []shape
	only     []string
	curves   curveOptions
	progress func(format string, args ...any)
}

func main() {
	ours := flag.String("ours", "../bin/enginebench", "our program, built")
	rounds := flag.Int("rounds", 5, "rounds; the medians count")
	names := flag.String("shapes", "n1000,jobs100,latency,n10000", "what to run")
	only := flag.String("only", "", "contenders, by the beginnings of their names, as ours,river; empty: all")
	var curves curveOptions
	flag.StringVar(&curves.figures, "curves", "", "measure the charts instead, and write this CSV file")
	flag.IntVar(&curves.most, "max", 1_000_000, "maximum number of tasks per stage in the charts")
	flag.IntVar(&curves.n, "n", 1000, "tasks per stage in the chart of processes")
	flag.IntVar(&curves.processes, "processes", 16, "maximum number of processes in the charts")
	flag.DurationVar(&curves.limit, "limit", 20*time.Second, "leave out what is expected to take longer")
	flag.Parse()
	o := options{ours: *ours, rounds: *rounds, curves: curves, progress: func(format string, args ...any) {
		_, _ = fmt.Fprintf(os.Stderr, format+"\n", args...)
	}}
	for _, s := range shapes {
		if slices.Contains(strings.Split(*names, ","), s.name) {
			o.shapes = append(o.shapes, s)
		}
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// contenders returns CoreMachine and all variants of all peers.
func contenders() []*contender {
	all := []*contender{
		{name: "ours", engine: "CoreMachine", settings: "engine mode", variant: "engine"},
		{
			name: "ours/functions", engine: "CoreMachine", variant: "functions",
			settings: "Functions mode: a host and its handler, in processes of their own",
		},
	}
	for _, peer := range []struct {
		program  string
		variants []string
	}{
		{"river", []string{"durable", "durable-tuned", "counted", "counted-tuned"}},
		{"dbos", []string{"steps", "queue", "queue-tuned"}},
		{"workflows", []string{"sqlite", "sqlite-tuned"}},
		{"asynq", []string{"everysec", "everysec-tuned", "always-tuned"}},
	} {
		for _, v := range peer.variants {
			all = append(
				all,
				&contender{
					name:    peer.program + "/" + v,
					engine:  peer.program,
					program: peer.program,
					variant: v,
				},
			)
		}
	}
	return all
}

func run(ctx context.Context, o options) error {
	if os.Getenv("DATABASE_URL") == "" {
		return errors.New("DATABASE_URL must name a Postgres; `make bench-peers` brings one")
	}
	if o.rounds < 1 || len(o.shapes) == 0 {
		return fmt.Errorf("nothing to run: -rounds %d, shapes %v", o.rounds, o.shapes)
	}
	folder, err := os.MkdirTemp("", "bench-peers-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	all := slices.DeleteFunc(contenders(), func(c *contender) bool {
		return o.only != nil &&
			!slices.ContainsFunc(
				o.only,
				func(prefix string) bool { return strings.HasPrefix(c.name, prefix) },
			)
	})
	if o.curves.figures != "" {
		all = slices.DeleteFunc(all, func(c *contender) bool {
			return !slices.ContainsFunc(curves, func(k curve) bool { return k.name == c.name })
		})
		build(ctx, folder, all, o)
		return runCurves(ctx, folder, all, o)
	}
	build(ctx, folder, all, o)
	samples := map[string][]sample{} // by contender and shape
	before := load()
	for round := range o.rounds {
		for _, s := range o.shapes {
			for _, c := range turned(all, round) {
				if c.problem != "" {
					continue
				}
				got, err := measure(ctx, o.ours, folder, c, s)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					c.problem = err.Error()
					o.progress("%s: %v", c.name, err)
					continue
				}
				samples[c.name+" "+s.name] = append(samples[c.name+" "+s.name], got)
				o.progress("round %d/%d  %-16s  %-20s %9.1f ms", round+1, o.rounds, s, c.name, got.ms)
			}
		}
	}
	_, err = os.Stdout.WriteString(table(all, o, samples, before, load()))
	return err
}

// turned returns the contenders in the order of a round. In each round another
// one is the first, so that none always follows the same one.
func turned(all []*contender, round int) []*contender {
	if len(all) == 0 {
		return nil
	}
	first := round % len(all)
	return slices.Concat(all[first:], all[:first])
}

// build builds the peers' programs. If one cannot be downloaded or built, the
// table says so.
func build(ctx context.Context, folder string, all []*contender, o options) {
	problems := map[string]string{}
	for _, c := range all {
		if c.program == "" {
			continue
		}
		problem, done := problems[c.program]
		if !done {
			o.progress("building %s", c.program)
			cmd := exec.CommandContext(
				ctx,
				"go",
				"build",
				"-o",
				filepath.Join(folder, c.program),
				"./"+c.program,
			)
			if out, err := cmd.CombinedOutput(); err != nil {
				problem = "could not be built: " + lastLine(string(out)+"\n"+err.Error())
			}
			problems[c.program] = problem
		}
		c.problem = problem
	}
}

// load returns the machine's load average, or "" if it is not available.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:1], " ")
}
