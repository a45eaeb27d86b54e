package app

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	gcTargetBytes    = 32 << 20 // a smaller heap is not worth collecting
	gcDefaultPercent = 100      // Go's own
	gcMaxPercent     = 400
	gcLiveBytes      = "/gc/heap/live:bytes"
)

// TuneGC lets the heap grow to 32 MiB before it is collected. A larger heap is
// collected when it has doubled, which is the default. If GOGC or GOMEMLIMIT is
// set, TuneGC does nothing. Call it once per process.
//
// The engine keeps a few megabytes. With the default percentage its short-lived
// memory is collected dozens of times a second, and each collection shrinks the
// stacks of idle goroutines, which grow again with the next task: a third of
// the CPU time under load.
func TuneGC() {
	was := debug.SetGCPercent(gcDefaultPercent)
	if was != gcDefaultPercent || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		debug.SetGCPercent(was)
		return
	}

	adjustGC()
	adjustAfterEachGC()
}

// adjustAfterEachGC uses that the finalizer of an unreachable object runs after
// each collection.
func adjustAfterEachGC() {
	runtime.SetFinalizer(&struct{ _ [16]byte }{}, func(any) {
		adjustGC()
		adjustAfterEachGC()
	})
}

func adjustGC() {
	live := []metrics.Sample{{Name: gcLiveBytes}}
	metrics.Read(live)

	if live[0].Value.Kind() == metrics.KindUint64 {
		debug.SetGCPercent(gcPercent(live[0].Value.Uint64()))
	}
}

// gcPercent returns the percentage that has a heap with this number of live
// bytes collected at the target size.
func gcPercent(live uint64) int {
	if live == 0 {
		return gcMaxPercent
	}

	return int(min(gcMaxPercent, max(gcDefaultPercent, gcTargetBytes*100/live)))
}
