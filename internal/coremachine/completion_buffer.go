package coremachine

import (
	"sync"
	"time"
)

// Bounds of the ends that a bundle of quick tasks collects before the flusher
// records them.
const (
	gatherTime = 2 * time.Millisecond // since the first end
	gatherMost = 250                  // ends
	gatherSize = commitBytes / 4      // bytes: with one more end of any size they still fit one group commit
)

// gathering collects the ends of a bundle so that they are recorded together.
// Quick tasks end faster than the flushers can record each end: without
// collecting, each flush would contain only a few ends.
type gathering struct {
	mu    sync.Mutex
	quick bool // ends wait for others; if not set, each is flushed immediately
	tasks int  // number of tasks in the bundle
	over  int  // number of tasks whose attempts have ended
	ends  []taskEnd
	bytes int         // size of ends
	timer *time.Timer // nil: no end waits
	began time.Time   // before the first attempt
}

// gather adds the end of an attempt; end is nil if the end is not to be
// recorded. If there is no reason to wait for more ends, gather sends the
// collected ones to the flusher.
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

// handOn sends the collected ends to the flusher.
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

// Notes that the flusher recorded n ends, or the error if it did not.
func (b *bundle) booked(n int, err error) {
	if err != nil {
		b.problem.Store(&err)
	}

	b.open.Add(-n)
}
