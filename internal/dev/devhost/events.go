package devhost

import (
	"sync/atomic"

	"coremachine/internal/telemetry/keys"
)

// EventKind is what happened to the handler or the host.
type EventKind string

// Kinds of event.
const (
	EventStarted         EventKind = "started"          // a handler process was started
	EventReady           EventKind = "ready"            // it answered GET /
	EventExited          EventKind = "exited"           // it ended, by itself or not; Code says how
	EventInitTimeout     EventKind = "init_timeout"     // it did not answer in time
	EventFunctionTimeout EventKind = "function_timeout" // a call passed functionTimeout: the process is killed with all calls
	EventEmptyBody       EventKind = "empty_body"       // a call was answered with nothing and hangs until functionTimeout
	EventHostStopped     EventKind = "host_stopped"     // the host gave up; the platform may start it again
)

// Event is told to Options.OnEvent as it happens, from several goroutines.
type Event struct {
	Kind     EventKind
	PID      int    // of the handler process, 0 where there is none
	Code     int    // exited: exit status, 128 + n after signal n
	Function string // function_timeout, empty_body
	Err      error  // host_stopped: why
}

// Stats are counts since Start.
type Stats struct {
	Requests   int64 // HTTP requests that led to a function
	Posts      int64 // POST /{function} for triggers
	Succeeded  int64 // of them, answered as the host wants it
	Failed     int64
	Completed  int64 // messages
	Abandoned  int64
	Renewed    int64 // locks
	Ticks      int64 // of timers
	Starts     int64 // of the handler process
	Pings      int64 // GET / at random moments
	Unsettled  int64 // messages whose lock was lost, or whose settling failed
	Duplicates int64 // messages posted twice on demand
}

type counters struct {
	requests, posts, succeeded, failed, completed, abandoned, renewed, ticks, starts, pings, unsettled, duplicates atomic.Int64
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

func (h *Host) tell(e Event) {
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
