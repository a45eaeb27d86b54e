package coremachine

import (
	"sync/atomic"
	"time"

	"coremachine/internal/state"
)

const (
	quickRunners  = 4                     // of a bundle
	quickPatience = 10 * time.Millisecond // then its tasks are not quick this time
)

// runQuick runs the tasks of a bundle of quick ones a few at a time, each goroutine one after the other, and returns how many it has
// started; those run on behind it. A goroutine for each would cost more than the tasks. What is left after a while, since tasks
// are slower than they were or slots have run out, is started as any others are.
func (b *bundle) runQuick(tasks []state.Covered) int {
	var next atomic.Int64
	runners := min(quickRunners, len(tasks))
	over := make(chan struct{}, runners)
	b.open.Add(len(tasks))
	for range runners {
		b.m.pool.run(func() {
			for b.runNext(tasks, &next) {
			}
			over <- struct{}{}
		})
	}
	patience := time.NewTimer(quickPatience)
	defer patience.Stop()
	for range runners {
		select {
		case <-over:
			continue
		case <-patience.C:
		}
		break
	}
	started := int(min(next.Swap(int64(len(tasks))), int64(len(tasks)))) // what comes now finds nothing
	b.open.Add(started - len(tasks))
	return started
}

// runNext runs the next task and tells whether there may be another.
func (b *bundle) runNext(tasks []state.Covered, next *atomic.Int64) bool {
	if b.h.ctx.Err() != nil || !b.m.slots.TryAcquire(1) {
		return false
	}
	i := next.Add(1) - 1
	if i >= int64(len(tasks)) {
		b.m.slots.Release(1)
		return false
	}
	b.attempt(tasks[i], 1)
	return true
}
