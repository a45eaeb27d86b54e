package devhost

import (
	"sync/atomic"

	"coremachine/internal/telemetry/keys"
)

// EventKind is the kind of an event of the handler or the host.
type EventKind string

// Kinds of events.
const (
	EventStarted     EventKind = "started"      // a handler process was started
	EventReady       EventKind = "ready"        // the handler answered GET /
	EventExited      EventKind = "exited"       // the handler process ended; Code has the status
	EventInitTimeout EventKind = "init_timeout" // the handler did not answer in time
	// EventFunctionTimeout means that a call exceeded functionTimeout. The
	// process is killed with all its calls.
	EventFunctionTimeout EventKind = "function_timeout"
	// EventEmptyBody means that a call got an empty response and hangs until
	// functionTimeout.
	EventEmptyBody   EventKind = "empty_body"
	EventHostStopped EventKind = "host_stopped" // the host stopped; the platform can restart it
)

// Event is passed to Options.OnEvent when it happens, by several goroutines.
type Event struct {
	Kind     EventKind
	PID      int    // handler process, or 0 if there is none
	Code     int    // exit status for exited; 128 + n after signal n
	Function string // for function_timeout and empty_body
	Err      error  // reason for host_stopped
}

// Stats are counts since Start.
type Stats struct {
	Requests   int64 // HTTP requests to a function
	Posts      int64 // POST /{function} for triggers
	Succeeded  int64 // of them, with a valid response
	Failed     int64
	Completed  int64 // messages
	Abandoned  int64
	Renewed    int64 // locks
	Ticks      int64 // of timers
	Starts     int64 // of the handler process
	Pings      int64 // GET / at random times
	Unsettled  int64 // messages whose lock was lost or whose settlement failed
	Duplicates int64 // messages that a fault posted twice
}

type counters struct {
	requests, posts, succeeded, failed atomic.Int64
	completed, abandoned, renewed      atomic.Int64
	ticks, starts, pings               atomic.Int64
	unsettled, duplicates              atomic.Int64
}

// Stats returns the counts.
func (h *Host) Stats() Stats {
	c := &h.counters

	return Stats{
		Requests:   c.requests.Load(),
		Posts:      c.posts.Load(),
		Succeeded:  c.succeeded.Load(),
		Failed:     c.failed.Load(),
		Completed:  c.completed.Load(),
		Abandoned:  c.abandoned.Load(),
		Renewed:    c.renewed.Load(),
		Ticks:      c.ticks.Load(),
		Starts:     c.starts.Load(),
		Pings:      c.pings.Load(),
		Unsettled:  c.unsettled.Load(),
		Duplicates: c.duplicates.Load(),
	}
}

func (h *Host) emit(e Event) {
	h.log.Debug(
		"host event",
		"event",
		string(e.Kind),
		"pid",
		e.PID,
		"code",
		e.Code,
		keys.Function,
		e.Function,
	)

	if h.options.OnEvent != nil {
		h.options.OnEvent(e)
	}
}
