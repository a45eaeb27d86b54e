package coremachine

import (
	"sync"
	"time"
)

// Bounds of what a bundle of quick tasks gathers before it is booked.
const (
	gatherTime = 2 * time.Millisecond // since the first end
	gatherMost = 250                  // ends
	gatherSize = commitBytes / 4      // bytes: with one more end of any size they are still one group commit
)

// gathering is the ends of a bundle that wait for others. Ends of quick tasks
// come faster than one can be booked: each alone would make the flushers go
// round with a handful.
type gathering struct {
	mu    sync.Mutex
	quick bool // the ends wait; else each goes on at once
	tasks int  // of the bundle
	over  int  // of them whose attempts have ended
	ends  []taskEnd
	bytes int         // of them
	timer *time.Timer // nil: nothing waits
	began time.Time   // before the first attempt
}

// gather takes the end of an attempt, nil where it is not to be booked, and
// hands on what there is when nothing is worth waiting for.
func (b *bundle) gather(end *taskEnd) {
	g := &b.ends
	g.mu.Lock()

	g.over++
	if g.over == g.tasks {
		b.m.durations.ran(b.h.TaskType, g.tasks, time.Since(g.began))
	}

	if end != nil {
		g.ends, g.bytes = append(g.ends, *end), g.bytes+end.size()
	}

	room := len(g.ends) < gatherMost && g.bytes < gatherSize
	if g.quick && g.over < g.tasks && room {
		if g.timer == nil && len(g.ends) > 0 {
			g.timer = time.AfterFunc(gatherTime, b.handOn)
		}
		g.mu.Unlock()

		return
	}
	g.mu.Unlock()
	b.handOn()
}

// handOn gives what was gathered to the flusher.
func (b *bundle) handOn() {
	g := &b.ends
	g.mu.Lock()
	ends := g.ends

	g.ends, g.bytes = nil, 0
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	g.mu.Unlock()

	if len(ends) == 0 {
		return
	}

	err := catch("coremachine.handOn", func() error { // a timer calls it too
		b.s.flusher(&b.h.ClaimedMessage).add(b.s.ctx, ends, func(_ struct{}, err error) { b.booked(len(ends), err) })
		return nil
	})
	if err != nil {
		b.booked(len(ends), err)
	}
}

// booked takes notice of ends that were booked, or of why they were not.
func (b *bundle) booked(n int, err error) {
	if err != nil {
		b.problem.Store(&err)
	}

	b.open.Add(-n)
}
