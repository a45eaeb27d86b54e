package coremachine

import (
	"context"
	"log/slog"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// Config makes a Machine. Jobs, Handlers, Store and Log are required.
type Config struct {
	Jobs map[string]define.Job
	// Schedules start jobs of Jobs at local times. It can be nil.
	Schedules map[string]define.Schedule
	Handlers  map[string]handlers.Handler
	Deps      handlers.Deps
	Store     Store
	Log       *slog.Logger

	// Wake notifies the workers of a queue. The machine calls it after a commit
	// that wrote messages. It must not block. If it is nil, the machine notifies
	// no workers.
	Wake func(state.Queue)
	// CollectDeadLetters marks the message rows of the dead letters of a relayed
	// transport and returns their number. If it is nil, the rows are the
	// transport.
	CollectDeadLetters func(context.Context) (int, error)
	// JobEnded notifies the waiters of a job. The machine calls it after a commit
	// that ended the job. It must not block. It can be nil.
	JobEnded func(state.JobID)
	// Observer receives the attempts. It can be nil.
	Observer Observer
	// Build is the version that operators see next to the worker.
	Build string

	// Retention is how long the sweep keeps an ended job. 0 means forever.
	Retention time.Duration
	// KeepLogs says which log lines of handlers are stored. The default is
	// KeepFailed.
	KeepLogs KeepLogs
	// MaxQueued is the number of open jobs from which the machine refuses new
	// runs as busy. 0 means no limit.
	MaxQueued int
	// MaxRunning is the maximum number of concurrent handlers. The default is
	// 256.
	MaxRunning int
	// SweepEvery is the interval of the fleet's sweeps. The default is the
	// constant SweepEvery.
	SweepEvery time.Duration
	// Lease is the duration of the process's lease. The default is 15 s.
	Lease time.Duration
	// Renew is the interval of renewals of the lease. The default is 5 s.
	Renew time.Duration
	// Grace is how long a cancelled job waits for an unresponsive handler before
	// the machine ends the task without it. The default is 5 s.
	Grace time.Duration
	// Budget is the time after which a bundle that waits for slots releases its
	// unstarted tasks. The default is 1 s.
	Budget time.Duration
	// ParkFirst is the minimum time that a message waits if this build does not
	// know its work. The default is 5 s.
	ParkFirst time.Duration
	// ParkLimit is the time after which such a message fails. The default is 1 h.
	ParkLimit time.Duration
	// Drain is how long Stop waits for running handlers. The default is 10 s.
	Drain time.Duration
	// SlotWait is how long a received message waits for a slot before the machine
	// defers it. The default is 2 min.
	SlotWait time.Duration
	// SuspectWait is how long a task that lost two workers waits for the process
	// to be idle. After that, the task runs next to others. The default is 30 s.
	SuspectWait time.Duration

	// DisableShortTasks runs short tasks like all others: without duration
	// estimates, completion buffer, goroutine pool and local dispatch. It is for
	// tests, and for finding out whether a fault is in that part of the engine.
	DisableShortTasks bool

	// Relayed means that messages reach this process over a transport of its own,
	// which drops a message that it has seen before.
	Relayed bool
	// MaxUnresponsive is the maximum number of abandoned handlers that did not
	// return. With more, the process fails. The default is 64.
	MaxUnresponsive int
}

func (c *Config) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.SweepEvery, SweepEvery)
	set(&c.Lease, 15*time.Second)
	set(&c.Renew, 5*time.Second)
	set(&c.Grace, 5*time.Second)
	set(&c.Budget, time.Second)
	set(&c.ParkFirst, parkFirst)
	set(&c.ParkLimit, parkLimit)
	set(&c.Drain, 10*time.Second)
	set(&c.SlotWait, 2*time.Minute)
	set(&c.SuspectWait, 30*time.Second)

	if c.MaxUnresponsive == 0 {
		c.MaxUnresponsive = 64
	}

	if c.MaxRunning == 0 {
		c.MaxRunning = 256
	}

	if c.Wake == nil {
		c.Wake = func(state.Queue) {}
	}

	if c.JobEnded == nil {
		c.JobEnded = func(state.JobID) {}
	}
}
