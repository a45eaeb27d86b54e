package web

import (
	"fmt"
	"slices"
	"time"

	"coremachine/internal/view"
)

// timeline is a drawing of when stages waited and ran, for the template
// "timeline".
type timeline struct {
	Height float64
	Bars   []span
	Ticks  []tick
	Now    float64 // position of the current time; 0 if the job has ended
	Gaps   []float64
	Waits  bool // at least one stage waited
}

// span is a stage in a timeline.
type span struct {
	Y              float64
	Name, Cut, URL string
	WaitX, WaitW   float64
	X, W           float64
	Class          string
	Took, Waited   string
	From           *time.Time
	To             *time.Time
}

type tick struct {
	X    float64
	Text string
}

// Sizes of the drawing, which has a width of 1000.
const (
	spanHeight  = 28.0
	spanLeft    = 168.0
	spanRight   = 900.0
	axisHeight  = 24.0
	idleShare   = 0.3 // share of the whole from which an idle period is cut
	cutWidth    = 24.0
	minSpan     = 2.0
	wantedTicks = 6
)

// scale maps times to positions. A cut period takes cutWidth.
type scale struct {
	from, to time.Time
	cuts     []period
	perUnit  float64 // positions per nanosecond
}

type period struct{ from, to time.Time }

// lane is the content of one line of a timeline.
type lane struct {
	name, url, class string
	wait, from, to   time.Time
	end              *time.Time // nil if it has not ended
	took             string
}

// drawTimeline draws the stages that have started.
func drawTimeline(job view.JobView, rows []stageRow, now time.Time) timeline {
	ends := map[string]time.Time{}

	var lanes []lane

	for _, r := range rows {
		if r.StartedAt == nil {
			continue
		}

		l := lane{
			name:  r.Name,
			url:   r.URL,
			class: looks[string(r.Status)].class,
			wait:  job.LastSubmittedAt,
			from:  *r.StartedAt,
			to:    now,
			end:   r.FinishedAt,
			took:  word(r.Status), // the duration is shown where it ticks
		}
		if r.FinishedAt != nil {
			l.to = *r.FinishedAt
			l.took = took(l.to.Sub(l.from))
			ends[r.Name] = l.to
		}

		for i, d := range r.DependsOn {
			if i == 0 || ends[d].After(l.wait) {
				l.wait = ends[d]
			}
		}

		if l.wait.IsZero() || l.wait.After(l.from) {
			l.wait = l.from
		}

		lanes = append(lanes, l)
	}

	if job.Status.Ended() {
		now = time.Time{}
	}

	return drawLanes(lanes, now)
}

// drawLanes draws lanes over one axis. If now is zero, it is not marked.
func drawLanes(lanes []lane, now time.Time) timeline {
	if len(lanes) == 0 {
		return timeline{}
	}

	busy := make([]period, len(lanes))
	for i, l := range lanes {
		busy[i] = period{l.wait, l.to}
	}

	sc := newScale(busy)

	t := timeline{Height: axisHeight + float64(len(lanes))*spanHeight}
	for i, l := range lanes {
		x, wx := sc.at(l.from), sc.at(l.wait)

		s := span{
			Y: axisHeight + float64(
				i,
			)*spanHeight,
			Name:  l.name,
			Cut:   first(21, l.name),
			URL:   l.url,
			X:     x,
			W:     max(sc.at(l.to)-x, minSpan),
			WaitX: wx,
			WaitW: x - wx,
			Class: l.class,
			Took:  l.took,
			From:  &l.from,
			To:    l.end,
		}
		if w := l.from.Sub(l.wait); w >= 10*time.Millisecond {
			s.Waited, t.Waits = took(w), true
		}

		t.Bars = append(t.Bars, s)
	}

	if !now.IsZero() {
		t.Now = sc.at(now)
	}

	for _, c := range sc.cuts {
		t.Gaps = append(t.Gaps, sc.at(c.from)+cutWidth/2)
	}

	t.Ticks = slices.DeleteFunc(sc.ticks(), func(k tick) bool { return t.Now > 0 && t.Now-k.X < 48 })

	return t
}

func newScale(busy []period) scale {
	slices.SortFunc(busy, func(a, b period) int { return a.from.Compare(b.from) })
	sc := scale{from: busy[0].from, to: busy[0].to}

	var pauses []period

	for _, p := range busy[1:] {
		if p.from.After(sc.to) {
			pauses = append(pauses, period{sc.to, p.from})
		}

		if p.to.After(sc.to) {
			sc.to = p.to
		}
	}

	whole := max(sc.to.Sub(sc.from), time.Millisecond)

	shown := whole
	for _, p := range pauses {
		if d := p.to.Sub(p.from); float64(d) > idleShare*float64(whole) {
			sc.cuts = append(sc.cuts, p)
			shown -= d
		}
	}

	sc.perUnit = (spanRight - spanLeft - cutWidth*float64(len(sc.cuts))) / float64(
		max(shown, time.Millisecond),
	)

	return sc
}

func (sc scale) at(t time.Time) float64 {
	x, from := spanLeft, sc.from
	for _, c := range sc.cuts {
		if !t.After(c.from) {
			break
		}

		x += float64(c.from.Sub(from)) * sc.perUnit
		if t.Before(c.to) {
			return x + cutWidth*float64(t.Sub(c.from))/float64(c.to.Sub(c.from))
		}

		x, from = x+cutWidth, c.to
	}

	return min(max(x+float64(t.Sub(from))*sc.perUnit, spanLeft), spanRight)
}

// ticks returns ticks at round times since the start, at intervals of 1, 2 or 5
// of a unit.
func (sc scale) ticks() []tick {
	step := roundStep(time.Duration((spanRight - spanLeft) / sc.perUnit / wantedTicks))

	var ticks []tick

	last := spanLeft - 1000

	for d := time.Duration(0); len(ticks) < 100; d += step {
		t := sc.from.Add(d)
		if t.After(sc.to) {
			break
		}

		inCut := slices.IndexFunc(sc.cuts, func(c period) bool { return t.After(c.from) && t.Before(c.to) })
		if inCut >= 0 {
			d = sc.cuts[inCut].to.Sub(sc.from).Truncate(step) // continue after the cut
			continue
		}

		if x := sc.at(t); x-last >= 64 && x <= spanRight-8 {
			ticks = append(ticks, tick{X: x, Text: short(d)})
			last = x
		}
	}

	return ticks
}

func roundStep(d time.Duration) time.Duration {
	for _, ms := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000} {
		if step := time.Duration(ms) * time.Millisecond; step >= d {
			return step
		}
	}

	for _, s := range []int{10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18_000, 36_000} {
		if step := time.Duration(s) * time.Second; step >= d {
			return step
		}
	}

	return d.Truncate(24*time.Hour) + 24*time.Hour
}

// short formats a round duration with its unit.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "0 s"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%g s", d.Seconds())
	case d < time.Hour && d%time.Minute == 0:
		return fmt.Sprintf("%d m", d/time.Minute)
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", d/time.Minute, d%time.Minute/time.Second)
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	}

	return fmt.Sprintf("%d h %02d m", d/time.Hour, d%time.Hour/time.Minute)
}
