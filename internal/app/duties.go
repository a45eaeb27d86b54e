package app

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Limits of the periodic duties. Every process has all duties; the database
// decides which process does what only one is to do.
const (
	hostSilence   = time.Minute     // a host that delivers nothing for longer may not be receiving
	unreceivedFor = 2 * time.Minute // messages wait, and no process receives: then health says so
)

// receiving is what the process knows of the queues that it receives from, each
// by Queue-1.
type receiving struct {
	serving  [3]atomic.Bool  // a receiver of its own is open
	inFlight [3]atomic.Int64 // messages that were delivered and have not been answered
	received [3]atomic.Int64 // messages that were delivered
	missing  atomic.Pointer[[]state.Queue]

	// known holds the queues that the last note listed, or that are to be noted
	// immediately. Such a queue sends to started.
	known   [3]atomic.Bool
	started chan struct{} // has room for one

	noted    [3]int64     // received at the last note
	quiet    [3]time.Time // since when none has been received
	everHeld [3]bool
}

// begin counts a delivered message; the caller calls end after it.
func (r *receiving) begin(q state.Queue) (end func()) {
	r.received[q-1].Add(1)
	r.inFlight[q-1].Add(1)
	r.start(q)

	return func() { r.inFlight[q-1].Add(-1) }
}

// serve marks a queue that the process receives from itself; the caller calls
// end after it.
func (r *receiving) serve(q state.Queue) (end func()) {
	r.serving[q-1].Store(true)
	r.start(q)

	return func() { r.serving[q-1].Store(false) }
}

// start wakes the duties if the last note did not list the queue, so that an
// operator sees the receiver immediately.
func (r *receiving) start(q state.Queue) {
	if r.known[q-1].Load() || !r.known[q-1].CompareAndSwap(false, true) {
		return
	}

	select {
	case r.started <- struct{}{}:
	default:
	}
}

// current lists the queues that the process has received from since the last
// note, or receives from itself. The goroutine of note calls it.
func (r *receiving) current() (queues []state.Queue) {
	for i, q := range state.Queues {
		fresh := r.received[i].Load() != r.noted[i] || r.inFlight[i].Load() > 0
		if fresh || r.serving[i].Load() {
			queues = append(queues, q)
		}
	}

	return queues
}

// note lists the queues that the process receives from, and whether each gave
// it nothing since the last note although it had no message. A host that
// delivers nothing for hostSilence may have stopped receiving. One goroutine
// calls it.
func (r *receiving) note(at time.Time) (queues []state.Queue, idle []bool) {
	for i, q := range state.Queues {
		received, busy := r.received[i].Load(), r.inFlight[i].Load() > 0
		fresh := received != r.noted[i] || busy

		r.noted[i] = received
		if fresh || r.quiet[i].IsZero() {
			r.quiet[i] = at
		}

		r.everHeld[i] = r.everHeld[i] || fresh

		hosted := r.everHeld[i] && at.Sub(r.quiet[i]) < hostSilence

		listed := fresh || hosted || r.serving[i].Load()
		r.known[i].Store(listed)

		if listed {
			queues, idle = append(queues, q), append(idle, !fresh)
		}
	}

	return queues, idle
}

// runDuties sweeps and watches the queues until ctx ends.
func (a *App) runDuties(ctx context.Context) {
	dutyEvery := a.sweepEvery() / 4
	pause := func() time.Duration { return dutyEvery/2 + rand.N(dutyEvery) }

	due := time.NewTimer(pause())
	defer due.Stop()

	for {
		select {
		case <-ctx.Done():
			return
		case <-a.receiving.started:
			a.noteStarted(ctx, dutyEvery)
		case <-due.C:
			due.Reset(pause())

			if a.Ready() != nil {
				continue // neither is possible without a database
			}

			a.watchReceivers(ctx, dutyEvery)
			a.sweepIfDue(ctx)
		}
	}
}

// noteStarted notes queues whose first message arrived, without waiting for the
// next duty. None of them is idle: their receivers have not waited yet.
func (a *App) noteStarted(ctx context.Context, dutyEvery time.Duration) {
	limit, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()

	queues := a.receiving.current()
	if len(queues) == 0 || a.Ready() != nil {
		return
	}

	if err := a.repo.NoteReceivers(limit, queues, make([]bool, len(queues)), dutyEvery); err != nil {
		a.log.Debug("recording receivers failed", keys.Error, err)
	}
}

func (a *App) sweepEvery() time.Duration { return cmp.Or(a.opts.SweepEvery, coremachine.SweepEvery) }

func (a *App) sweepIfDue(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, 2*coremachine.SweepEvery)
	defer cancel()

	if _, err := a.engine.SweepDue(limit); err != nil && ctx.Err() == nil {
		a.log.Warn("sweep failed", keys.Error, err)
	}
}

// watchReceivers notes the queues that this process receives from, and finds
// those from which no process does although messages wait.
func (a *App) watchReceivers(ctx context.Context, dutyEvery time.Duration) {
	limit, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()

	queues, idle := a.receiving.note(time.Now())
	for i, q := range queues {
		if q != state.QueueJobs && a.machine.Full() {
			idle[i] = false // a full process receives no tasks; the queue is not at fault
		}
	}

	if len(queues) > 0 {
		if err := a.repo.NoteReceivers(limit, queues, idle, dutyEvery); err != nil {
			a.log.Debug("recording receivers failed", keys.Error, err)
			return
		}
	}

	missing, err := a.repo.Unreceived(limit, unreceivedFor)
	if err != nil {
		a.log.Debug("reading receivers failed", keys.Error, err)
		return
	}

	before := a.receiving.missing.Swap(&missing)
	for _, q := range missing {
		if before == nil || !slices.Contains(*before, q) {
			a.log.Error("no process receives from a queue with waiting messages", keys.Queue, q.String())
		}
	}
}

// unreceived lists the queues whose messages no process receives, as a health
// check reports them.
func (a *App) unreceived() []string {
	missing := a.receiving.missing.Load()
	if missing == nil {
		return nil
	}

	var problems []string
	for _, q := range *missing {
		problems = append(
			problems,
			"messages have waited for two minutes in the queue "+q.String()+", and no process receives from it",
		)
	}

	return problems
}
