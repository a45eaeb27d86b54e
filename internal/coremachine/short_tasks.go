package coremachine

import (
	"sync/atomic"
	"time"

	"coremachine/internal/state"
)

const (
	shortRunners = 4                     // goroutines of a bundle
	shortCheck   = 10 * time.Millisecond // how often runShort checks the progress
	// shortStarts is the minimum number of tasks that start between two checks.
	// With fewer, the tasks are not short this time.
	shortStarts = 16
)

// short reports whether the tasks of the bundle are short: those of earlier
// bundles were, or those of this one are. While many bundles share the CPUs,
// none of them ends soon, and the estimate of the earlier ones is too high.
func (b *bundle) short() bool {
	g := &b.ends
	g.mu.Lock()
	defer g.mu.Unlock()

	if !g.short && !b.m.durations.disabled {
		g.short = g.quick >= shortStarts && 4*g.quick >= 3*g.over
	}

	return g.short
}

// runShort runs the tasks of a bundle of short tasks in a few goroutines. A
// goroutine and a slot for each task would cost more than the task itself, so
// each goroutine keeps one slot and runs tasks in it one after the other. The
// caller has the first slot.
//
// If the tasks take longer than they used to, runShort stops starting tasks,
// and the caller starts the remaining ones like tasks of any other bundle. While
// a task waits for results of an earlier stage, so would those that follow.
// runShort returns the number of tasks that it has started. They may still run
// when it returns.
func (b *bundle) runShort(tasks []state.BundleTask) int {
	var next atomic.Int64

	runners := 1
	for runners < min(shortRunners, len(tasks)) && b.m.slots.tryAcquire() {
		runners++
	}

	over := make(chan struct{}, runners)

	b.open.Add(len(tasks))

	for range runners {
		b.m.pool.run(func() { b.runNext(tasks, &next, over) })
	}

	check := time.NewTicker(shortCheck)
	defer check.Stop()

	for seen := int64(0); runners > 0; {
		select {
		case <-over:
			runners--
			continue
		case <-check.C:
		}

		now := next.Load()
		if now-seen < shortStarts && b.lineage.waiting.Load() == 0 {
			break
		}

		seen = now
	}

	// From now on, the goroutines find no task to start.
	started := int(min(next.Swap(int64(len(tasks))), int64(len(tasks))))
	b.open.Add(started - len(tasks))

	if started < len(tasks) {
		b.ends.mu.Lock()
		b.ends.short = false // until the bundle's own tasks show that they are
		b.ends.mu.Unlock()
	}

	return started
}

// runNext runs tasks, one after the other, in a slot that it frees in the end.
// Where a handler ends the goroutine, another one continues in the same slot.
func (b *bundle) runNext(tasks []state.BundleTask, next *atomic.Int64, over chan<- struct{}) {
	slot, exited := true, true

	defer func() {
		switch {
		case slot && exited:
			b.m.pool.run(func() { b.runNext(tasks, next, over) })
			return
		case slot:
			b.m.slots.release()
		}

		over <- struct{}{}
	}()

	ended := func(keeps bool) { slot = keeps }

	for slot && b.h.ctx.Err() == nil {
		i := next.Add(1) - 1
		if i >= int64(len(tasks)) {
			break
		}

		b.attempt(tasks[i], ended)
	}

	exited = false
}
