package funchost

import "sync/atomic"

// Stats are counts since the process started, except Running and Holding, which
// are current numbers.
type Stats struct {
	Calls     int64 // trigger requests
	Failed    int64 // of them, not acknowledged
	Malformed int64 // dropped messages
	Panics    int64
	Abandoned int64 // calls that were answered at the deadline without their callee
	Running   int64 // callees that have not returned, including abandoned ones
	Holding   int64 // of them, those that wait until they can work
}

type counters struct {
	calls, failed, malformed, panics, abandoned, running, holding atomic.Int64
}

// Stats returns the counts.
func (h *Host) Stats() Stats {
	return Stats{
		Calls: h.stats.calls.Load(), Failed: h.stats.failed.Load(), Malformed: h.stats.malformed.Load(),
		Panics: h.stats.panics.Load(), Abandoned: h.stats.abandoned.Load(),
		Running: h.stats.running.Load(), Holding: h.stats.holding.Load(),
	}
}
