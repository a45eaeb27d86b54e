package pgqueue

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Most that a receiver waits before it looks for what another process tells of,
// when the last time, and when more times in a row, it found nothing there.
const (
	lazyAfterOne  = 8 * time.Millisecond
	lazyAfterMore = 64 * time.Millisecond
)

// lazy keeps many idle processes from looking all at once for what one of them
// will take. A receiver that was told of something and found nothing waits a
// while the next time it is told; what it is told meanwhile waits with it. One
// that finds something looks at once again. So few look at once, and when those
// have their hands full the others follow.
type lazy struct {
	told    atomic.Bool  // another process has told of something since the last look
	misses  atomic.Int32 // looks in a row, after being told, that found nothing
	pending atomic.Bool  // a look is coming
}

// hear calls look, now or after a while.
func (l *lazy) hear(look func()) {
	most := lazyAfterMore

	switch l.misses.Load() {
	case 0:
		l.told.Store(true)
		look()

		return
	case 1:
		most = lazyAfterOne
	}

	if !l.pending.CompareAndSwap(false, true) {
		return
	}

	time.AfterFunc(rand.N(most), func() {
		l.pending.Store(false) // what is told from here on needs another look
		l.told.Store(true)
		look()
	})
}

func (l *lazy) found() { l.misses.Store(0) }

// missed notes a look that found nothing; told says that another process had
// told of something before it.
func (l *lazy) missed(told bool) {
	if told {
		l.misses.Add(1)
	}
}
