package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/view"
)

// screen is the output of a watch.
type screen interface {
	every() time.Duration // interval between ticks
	tick()
	show(ctx context.Context, r seen) error
}

func (a *app) screen() screen {
	meter := &meter{rates: render.Rates{}, before: map[int]int{}}
	if a.animated() {
		return &frames{app: a, meter: meter}
	}

	return &edges{app: a, meter: meter, failed: map[string]bool{}}
}

// meter measures rates between readings. Each second, a new value counts half,
// so that the displayed rate does not jump.
type meter struct {
	rates  render.Rates
	before map[int]int
	at     time.Time
}

func (m *meter) read(job view.JobView, now time.Time) {
	seconds := now.Sub(m.at).Seconds()
	if !m.at.IsZero() && seconds < 0.5 {
		return
	}

	for _, stage := range job.Stages {
		done := stage.Tasks.Done()
		if !m.at.IsZero() {
			rate := float64(max(0, done-m.before[stage.Stage])) / seconds
			if old, known := m.rates[stage.Stage]; known {
				rate = (rate + old) / 2
			}

			m.rates[stage.Stage] = rate
		}

		m.before[stage.Stage] = done
	}

	m.at = now
}

// frames redraws in place and leaves the last frame on the terminal.
type frames struct {
	*app
	meter *meter
	job   *view.JobView
	drawn int // number of lines of the frame on the terminal
}

func (f *frames) every() time.Duration { return redrawEvery }

func (f *frames) tick() {
	if f.job != nil {
		f.draw(f.frame())
	}
}

func (f *frames) show(_ context.Context, r seen) error {
	f.meter.read(r.job, f.now())
	f.job = &r.job

	lines := f.frame()
	if r.job.Status.Ended() {
		lines = append(lines, f.errStyle().End(r.job, f.now())...)
		f.draw(lines)

		return f.result(r, true)
	}

	f.draw(lines)

	return f.result(r, false)
}

func (f *frames) frame() []string { return f.errStyle().Frame(*f.job, f.meter.rates, f.now()) }

// draw overwrites the previous frame with one write, so that it does not
// flicker.
func (f *frames) draw(lines []string) {
	if _, rows := f.size(); rows > 2 && len(lines) > rows-1 {
		lines = lines[len(lines)-rows+1:]
	}

	var b strings.Builder
	if f.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", f.drawn)
	}

	for _, line := range lines {
		b.WriteString("\r" + line + "\x1b[K\n")
	}

	b.WriteString("\x1b[J")

	f.drawn = len(lines)
	_, _ = f.err.Write([]byte(b.String()))
}

// edges prints one line for each change.
type edges struct {
	*app
	meter  *meter
	job    *view.JobView
	failed map[string]bool // stages whose first failure was printed
}

func (e *edges) every() time.Duration { return pulseEvery }

func (e *edges) tick() {
	if e.job == nil {
		return
	}

	for _, stage := range e.job.Stages {
		if stage.Status == "running" {
			e.print(render.Pulse(*e.job, stage, e.meter.rates[stage.Stage], e.now()))
		}
	}
}

func (e *edges) show(ctx context.Context, r seen) error {
	e.meter.read(r.job, e.now())
	e.printFirstFailure(ctx, r.job)
	e.job = &r.job

	return e.result(r, r.job.Status.Ended())
}

// printFirstFailure prints a stage's first failure before the line about its
// end.
func (e *edges) printFirstFailure(ctx context.Context, job view.JobView) {
	lines := render.Edges(e.job, job, e.now())
	for _, stage := range job.Stages {
		if stage.Tasks.Failed == 0 || e.failed[stage.Name] {
			continue
		}

		e.failed[stage.Name] = true

		task, found := e.firstFailure(ctx, job.JobID, stage.Name)
		if !found {
			continue
		}

		end := slices.IndexFunc(lines, func(line string) bool {
			return strings.Contains(line, " stage="+stage.Name+" ") && strings.Contains(line, " ran=")
		})
		if end < 0 {
			end = len(lines)
		}

		lines = slices.Insert(lines, end, render.FirstFailure(job, task, e.now()))
	}

	for _, line := range lines {
		e.print(line)
	}
}

// print shows local time on a terminal.
func (e *edges) print(line string) {
	if e.errTTY {
		line = e.errStyle().Clock(line)
	}

	_, _ = fmt.Fprintln(e.err, line)
}

// result writes to standard output: each reading for jsonl, or the last one for
// json.
func (a *app) result(r seen, last bool) error {
	if a.format == "jsonl" || a.format == "json" && last {
		return a.body(r.raw)
	}

	return nil
}
