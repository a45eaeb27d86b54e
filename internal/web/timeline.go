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
	Parts          []piece
	Took           string // how long the last run took, or the status if it has not ended
	Waited, Ran    string
	From           *time.Time
	To             *time.Time
}

// piece is a rectangle of a span: a stage waited, or ran.
type piece struct {
	X, W  float64
	Class string // empty: it waited
	Says  string
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
	status           string     // in words
	earlier          []period   // runs before the last one
	ready, from      time.Time  // of the last run; from: when its first task was claimed
	to               time.Time  // its end, or now
	ended            *time.Time // nil if it has not ended
	took             string     // how long it ran, or its status if that ticks elsewhere
	waited, ran      string     // as the table of stages shows them
}

// drawTimeline draws the stages that have started.
func drawTimeline(job view.JobView, rows []stageRow, now time.Time) timeline {
	var lanes []lane

	for _, r := range rows {
		if r.StartedAt == nil {
			continue
		}

		l := lane{
			name:   r.Name,
			url:    r.URL,
			class:  looks[r.Shown()].class,
			status: word(r.Shown()),
			ready:  *r.StartedAt,
			to:     now,
			ended:  r.FinishedAt,
			took:   word(r.Shown()), // the duration is shown where it ticks
			waited: r.Waited,
			ran:    r.Ran,
		}

		for _, run := range r.EarlierRuns {
			l.earlier = append(l.earlier, period{run.FirstClaimedAt, run.FinishedAt})
		}

		if r.FinishedAt != nil {
			l.to = *r.FinishedAt
			if r.Ran != "" {
				l.took = r.Ran
			}
		}

		l.from = l.to
		if began := r.Began(); began != nil {
			l.from = *began
		}

		lanes = append(lanes, l)
	}

	if job.Status.Ended() {
		now = time.Time{}
	}

	return drawLanes(lanes, now)
}

// minWait is the shortest time of waiting that is drawn.
const minWait = 10 * time.Millisecond

// drawLanes draws lanes over one axis. If now is zero, it is not marked.
func drawLanes(lanes []lane, now time.Time) timeline {
	if len(lanes) == 0 {
		return timeline{}
	}

	var busy []period
	for _, l := range lanes {
		busy = append(append(busy, l.earlier...), period{l.ready, l.to})
	}

	sc := newScale(busy)

	t := timeline{Height: axisHeight + float64(len(lanes))*spanHeight}
	for i := range lanes {
		l := &lanes[i]
		from := &l.from

		if len(l.earlier) > 0 {
			from = &l.earlier[0].from
		}

		t.Bars = append(t.Bars, span{
			Y:      axisHeight + float64(i)*spanHeight,
			Name:   l.name,
			Cut:    first(21, l.name),
			URL:    l.url,
			Parts:  l.pieces(sc),
			Took:   l.took,
			Waited: l.waited,
			Ran:    l.ran,
			From:   from,
			To:     l.ended,
		})

		t.Waits = t.Waits || l.from.Sub(l.ready) >= minWait
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

// pieces draws what ran in earlier runs, then what waited and what ran in the
// last one.
func (l *lane) pieces(sc scale) []piece {
	var all []piece

	for _, run := range l.earlier {
		x := sc.at(run.from)
		all = append(all, piece{
			X: x, W: max(sc.at(run.to)-x, minSpan), Class: l.class,
			Says: "ran " + view.FormatDuration(run.to.Sub(run.from)) + " before a retry",
		})
	}

	if waited := l.from.Sub(l.ready); waited >= minWait {
		x := sc.at(l.ready)
		all = append(all, piece{X: x, W: sc.at(l.from) - x, Says: "waited " + view.FormatDuration(waited)})
	}

	if l.from.Before(l.to) || l.ended != nil && l.ran != "" {
		x := sc.at(l.from)
		all = append(all, piece{X: x, W: max(sc.at(l.to)-x, minSpan), Class: l.class, Says: l.status})
	}

	return all
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
