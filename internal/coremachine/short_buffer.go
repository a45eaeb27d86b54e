package coremachine

import (
	"sync"
	"time"

	"coremachine/internal/state"
)

// Bounds of the ends that a bundle of short tasks collects before the flusher
// records them.
const (
	bufferTime = 2 * time.Millisecond // since the first end
	bufferEnds = 250
	// With one more end of any size, the buffer still fits one group commit.
	bufferBytes = commitBytes / 4
)

// completionBuffer collects the ends of a bundle so that they are recorded
// together. Short tasks end faster than the flushers can record each end.
// Without the buffer, each flush would contain only a few ends.
type completionBuffer struct {
	mu    sync.Mutex
	short bool          // ends wait for others; if not set, each is flushed immediately
	tasks int           // number of tasks in the bundle
	over  int           // number of tasks whose attempts have ended
	quick int           // number of those that were short
	spent time.Duration // sum of the times that the attempts took
	ends  []taskEnd
	bytes int         // size of ends
	timer *time.Timer // nil: no end waits
	began time.Time   // before the first attempt
}

// addEnd adds the end of an attempt that took this time; end is nil if the end
// is not to be recorded. If there is no reason to wait for more ends, addEnd
// sends the collected ones to the flusher.
func (b *bundle) addEnd(end *taskEnd, took time.Duration) {
	g := &b.ends
	g.mu.Lock()

	g.over++

	g.spent += took
	if g.over == g.tasks {
		elapsed := time.Since(g.began) - time.Duration(b.lineage.reading.Load())
		b.m.durations.ran(b.h.TaskType, g.tasks, min(g.spent, elapsed))
	}

	if state.Short(max(took, 1)) {
		g.quick++
	}

	if end != nil {
		if g.ends == nil && g.short {
			g.ends = make([]taskEnd, 0, min(bufferEnds, g.tasks-g.over+1))
		}

		g.ends, g.bytes = append(g.ends, *end), g.bytes+end.size()
	}

	room := len(g.ends) < bufferEnds && g.bytes < bufferBytes
	if g.short && g.over < g.tasks && room {
		if g.timer == nil && len(g.ends) > 0 {
			g.timer = time.AfterFunc(bufferTime, b.flushBuffer)
		}
		g.mu.Unlock()

		return
	}
	g.mu.Unlock()
	b.flushBuffer()
}

// flushBuffer sends the collected ends to the flusher.
func (b *bundle) flushBuffer() {
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

	err := catch("coremachine.flushBuffer", func() error { // a timer calls it too
		b.s.flusher(&b.h.ClaimedMessage).add(b.s.ctx, ends, func(_ struct{}, err error) {
			b.recorded(len(ends), err)
		})

		return nil
	})
	if err != nil {
		b.recorded(len(ends), err)
	}
}

// recorded notes that the flusher recorded n ends, or the error if it did not.
func (b *bundle) recorded(n int, err error) {
	if err != nil {
		b.problem.Store(&err)
	}

	b.open.Add(-n)
}
