package pgqueue

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Maximum delay of a wake-up by another process, after one query that found
// nothing and after several such queries in a row.
const (
	maxDelayAfterOne  = 8 * time.Millisecond
	maxDelayAfterMore = 64 * time.Millisecond
)

// damping prevents many idle processes from querying at the same time for work
// that one of them will claim. A receiver whose last notified query found
// nothing delays the next wake-up by a random time, and merges the
// notifications in between. A receiver that finds something does not delay the
// next one. So only a few receivers query immediately, and when these are busy,
// the others follow.
type damping struct {
	// notified is true if another process has notified since the last query.
	notified atomic.Bool
	// misses counts the notified queries in a row that found nothing.
	misses atomic.Int32
	// pending is true while a delayed wake-up is scheduled.
	pending atomic.Bool
}

// onNotify calls wake, immediately or after a delay.
func (l *damping) onNotify(wake func()) {
	maxDelay := maxDelayAfterMore

	switch l.misses.Load() {
	case 0:
		l.notified.Store(true)
		wake()

		return
	case 1:
		maxDelay = maxDelayAfterOne
	}

	if !l.pending.CompareAndSwap(false, true) {
		return
	}

	time.AfterFunc(rand.N(maxDelay), func() {
		// A notification after this needs another query.
		l.pending.Store(false)
		l.notified.Store(true)
		wake()
	})
}

func (l *damping) found() { l.misses.Store(0) }

// missed records a query that found nothing. notified reports whether another
// process had notified before the query.
func (l *damping) missed(notified bool) {
	if notified {
		l.misses.Add(1)
	}
}
