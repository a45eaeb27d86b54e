package heap

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	target      = 32 << 20 // bytes of heap below which it is not worth collecting
	defaultPace = 100      // percent, Go's own
	mostPace    = 400
	liveBytes   = "/gc/heap/live:bytes"
)

// Pace lets the heap grow to 32 MiB before it is collected; a larger one is
// collected when it has doubled, as by default. Where GOGC or GOMEMLIMIT is set
// it does nothing. Call it once.
func Pace() {
	was := debug.SetGCPercent(defaultPace)
	if was != defaultPace || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		debug.SetGCPercent(was)
		return
	}

	adjust()
	watch()
}

// watch adjusts the pace after each collection: a finalizer of an object that
// nothing holds runs then.
func watch() {
	runtime.SetFinalizer(&struct{ _ [16]byte }{}, func(any) {
		adjust()
		watch()
	})
}

func adjust() {
	live := []metrics.Sample{{Name: liveBytes}}
	metrics.Read(live)

	if live[0].Value.Kind() == metrics.KindUint64 {
		debug.SetGCPercent(paceOf(live[0].Value.Uint64()))
	}
}

// paceOf is the percentage at which a heap with so many live bytes is collected
// at target, within bounds.
func paceOf(live uint64) int {
	if live == 0 {
		return mostPace
	}

	return int(min(mostPace, max(defaultPace, target*100/live)))
}
