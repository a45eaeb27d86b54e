package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Charts of the picture.
const (
	byTasks     = "tasks"     // tasks per second over tasks per stage
	byProcesses = "processes" // over processes
)

// curve is a contender in a chart.
type curve struct{ chart, name string }

// curves are the fastest setting of each contender, and both of asynq, which
// differ in what a crash loses.
var curves = []curve{
	{byTasks, "ours"},
	{byTasks, "river/durable-tuned"},
	{byTasks, "dbos/steps"},
	{byTasks, "workflows/sqlite-tuned"},
	{byTasks, "asynq/everysec-tuned"},
	{byTasks, "asynq/always-tuned"},
	{byProcesses, "ours"},
	{byProcesses, "river/durable-tuned"},
	{byProcesses, "dbos/queue-tuned"},
	{byProcesses, "asynq/everysec-tuned"},
	{byProcesses, "asynq/always-tuned"},
}

// curveOptions say what the charts show.
type curveOptions struct {
	figures   string        // the file that is written
	most      int           // tasks per stage
	n         int           // tasks per stage in the chart of processes
	processes int           // maximum
	limit     time.Duration // a measurement that is expected to take longer is left out
}

// point is a measurement of a chart.
type point struct {
	curve
	n, processes int
}

// points returns the measurements of the charts in the order in which a round
// runs them: all contenders in turn for each number.
func points(o curveOptions, chosen func(name string) bool) []point {
	var all []point
	add := func(chart string, n, processes int) {
		for _, c := range curves {
			if c.chart == chart && chosen(c.name) {
				all = append(all, point{c, n, processes})
			}
		}
	}
	for n := 1; n <= o.most; n *= 10 {
		add(byTasks, n, 1)
	}
	for p := 1; p <= o.processes; p *= 2 {
		add(byProcesses, o.n, p)
	}
	return all
}

// fewTasks is the number of tasks per stage up to which several jobs are
// measured, one after the other.
const fewTasks = 100

func (p point) oursArgs() []string {
	runs := "5"
	switch {
	case p.n <= fewTasks:
		runs = "20"
	case p.n > 10_000:
		runs = "1"
	}
	args := []string{"run", "hello", "--n", strconv.Itoa(p.n), "--runs", runs, "-o", "json"}
	if p.chart == byProcesses {
		args = append(args, "--mode", "worker", "--processes", strconv.Itoa(p.processes))
	}
	return args
}

func (p point) peerShape() shape {
	if p.n <= fewTasks {
		return shape{n: p.n, jobs: 0}
	}
	return shape{n: p.n, jobs: 1}
}

// figure is a row of the file.
type figure struct {
	Chart, Name, Engine, Settings string
	N, Processes                  int
	Ms                            float64
}

func (f figure) perSecond() float64 { return 2 * float64(f.N) / f.Ms * 1000 }

var header = []string{"chart", "name", "engine", "settings", "n", "processes", "ms", "tasks_per_second"}

func (f figure) row() []string {
	return []string{
		f.Chart, f.Name, f.Engine, f.Settings, strconv.Itoa(f.N), strconv.Itoa(f.Processes),
		strconv.FormatFloat(f.Ms, 'f', 1, 64), strconv.FormatFloat(f.perSecond(), 'f', 0, 64),
	}
}

// runCurves measures the charts and writes the medians of all rounds after each
// round.
func runCurves(ctx context.Context, folder string, all []*contender, o options) error {
	known := map[string]*contender{}
	for _, c := range all {
		known[c.name] = c
	}
	plan := points(o.curves, func(name string) bool { return known[name] != nil && known[name].problem == "" })
	samples := map[point][]sample{}
	before := load()
	for round := range o.rounds {
		last := map[curve]point{} // the previous point of a curve in this round
		for _, p := range plan {
			c := known[p.name]
			previous, found := last[p.curve]
			if c.problem != "" || found && tooLong(samples[previous], previous, p, o.curves.limit) {
				continue
			}
			got, err := measurePoint(ctx, o.ours, folder, c, p)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				c.problem = err.Error()
				o.progress("%s: %v", c.name, err)
				continue
			}
			samples[p], last[p.curve] = append(samples[p], got), p
			o.progress(
				"round %d/%d  n=%-8d processes=%-3d %-24s %10.1f ms", round+1, o.rounds, p.n, p.processes, c.name, got.ms,
			)
		}
		figures := collect(plan, samples, known)
		if err := writeFigures(o.curves.figures, figures); err != nil {
			return err
		}
		if round == o.rounds-1 {
			_, err := os.Stdout.WriteString(curveTables(figures, o.rounds, before, load()) + problems(all))
			return err
		}
	}
	return nil
}

// tooLong reports whether a measurement is expected to take longer than the
// limit, or follows one that was left out.
func tooLong(done []sample, previous, next point, limit time.Duration) bool {
	if len(done) == 0 {
		return true
	}
	last := time.Duration(done[len(done)-1].ms * float64(time.Millisecond))
	if next.n <= 1000 { // a small number of tasks takes little longer than one
		return last > limit
	}
	return last*time.Duration(next.n)/time.Duration(previous.n) > limit
}

func measurePoint(ctx context.Context, program, folder string, c *contender, p point) (sample, error) {
	if c.program == "" {
		return askOurs(ctx, program, p.oursArgs(), false)
	}
	return askPeer(ctx, folder, c, p.peerShape(), p.processes)
}

// collect returns the medians in the order of the charts: by contender, then by
// number. The floor follows ours.
func collect(plan []point, samples map[point][]sample, known map[string]*contender) []figure {
	var all []figure
	for _, p := range plan {
		if len(samples[p]) == 0 {
			continue
		}
		m, c := median(samples[p]), known[p.name]
		settings := c.settings
		if c.program == "" && p.chart == byProcesses {
			settings = "worker mode"
		}
		all = append(all, figure{p.chart, c.name, c.engine, settings, p.n, p.processes, m.ms})
		if m.floor > 0 {
			all = append(all, figure{
				p.chart, "floor", "the floor", "one connection, prepared", p.n, p.processes, m.floor,
			})
		}
	}
	place := map[string]int{}
	for _, f := range all {
		if _, ok := place[f.Name]; !ok {
			place[f.Name] = len(place)
		}
	}
	slices.SortStableFunc(all, func(a, b figure) int {
		return cmp.Or(-cmp.Compare(a.Chart, b.Chart), place[a.Name]-place[b.Name])
	})
	return all
}

func writeFigures(path string, all []figure) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{header}
	for _, f := range all {
		rows = append(rows, f.row())
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(b.String()), 0o644) //nolint:gosec // part of the documentation
}

// curveTables returns a Markdown table for each chart, in tasks per second.
func curveTables(all []figure, rounds int, before, after string) string {
	var b strings.Builder
	for _, chart := range []string{byTasks, byProcesses} {
		var xs []int
		var names []string
		cells := map[string]string{}
		text := map[string]string{}
		for _, f := range all {
			if f.Chart != chart {
				continue
			}
			x := f.N
			if chart == byProcesses {
				x = f.Processes
			}
			if !slices.Contains(xs, x) {
				xs = append(xs, x)
			}
			if !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
			text[f.Name] = fmt.Sprintf("| %s | %s |", f.Engine, f.Settings)
			cells[fmt.Sprint(f.Name, " ", x)] = fmt.Sprintf("%.0f", f.perSecond())
		}
		slices.Sort(xs)
		head, rule := "| engine | settings |", "|---|---|"
		for _, x := range xs {
			unit := "n=%d |"
			if chart == byProcesses {
				unit = "%d |"
			}
			head, rule = head+" "+fmt.Sprintf(unit, x), rule+"---:|"
		}
		fmt.Fprintf(&b, "Tasks per second, by %s:\n\n%s\n%s\n", chart, head, rule)
		for _, name := range names {
			b.WriteString(text[name])
			for _, x := range xs {
				fmt.Fprintf(&b, " %s |", or(cells[fmt.Sprint(name, " ", x)], "–"))
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "Medians of %d rounds; load average before and after: %s, %s.\n", rounds, before, after)
	return b.String()
}
