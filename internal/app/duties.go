package app

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Intervals of the periodic duties. Every process has all of them; the database
// decides which one does what only one is to do.
const (
	dutyEvery     = coremachine.SweepEvery / 4
	sweepLimit    = 2 * coremachine.SweepEvery
	unreceivedFor = 2 * time.Minute // messages wait, and no process receives: then health says so
)

// receiving is what the process knows of the queues that it receives from.
type receiving struct {
	serving  [3]atomic.Bool  // by Queue-1: a receiver of its own is open
	inFlight [3]atomic.Int64 // messages that a host delivered and that have not been answered
	received [3]atomic.Bool  // a host has delivered one since the last note
	missing  atomic.Pointer[[]state.Queue]
}

// begin counts a message that a host delivered; the caller calls end after it.
func (r *receiving) begin(q state.Queue) (end func()) {
	r.received[q-1].Store(true)
	r.inFlight[q-1].Add(1)
	return func() { r.inFlight[q-1].Add(-1) }
}

// active lists the queues that the process receives from.
func (r *receiving) active() (queues []state.Queue) {
	for _, q := range state.Queues {
		received := r.received[q-1].Swap(false)
		if received || r.serving[q-1].Load() || r.inFlight[q-1].Load() > 0 {
			queues = append(queues, q)
		}
	}
	return queues
}

// runDuties sweeps and watches the queues until ctx ends.
func (a *App) runDuties(ctx context.Context) {
	for pause(ctx, dutyEvery/2+rand.N(dutyEvery)) {
		if a.Ready() != nil {
			continue // neither is possible without a database
		}

		a.watchReceivers(ctx)
		a.sweepIfDue(ctx)
	}
}

func (a *App) sweepIfDue(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, sweepLimit)
	defer cancel()

	if _, err := a.engine.SweepDue(limit); err != nil && ctx.Err() == nil {
		a.log.Warn("sweep failed", keys.Error, err)
	}
}

// watchReceivers notes the queues that this process receives from, and finds
// those from which no process does although messages wait.
func (a *App) watchReceivers(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, dutyEvery)
	defer cancel()

	if queues := a.receiving.active(); len(queues) > 0 {
		if err := a.repo.NoteReceivers(limit, queues, dutyEvery); err != nil {
			a.log.Debug("receivers not noted", keys.Error, err)
			return
		}
	}

	missing, err := a.repo.Unreceived(limit, unreceivedFor)
	if err != nil {
		a.log.Debug("receivers not read", keys.Error, err)
		return
	}
	before := a.receiving.missing.Swap(&missing)
	for _, q := range missing {
		if before == nil || !slices.Contains(*before, q) {
			a.log.Error("messages wait and no process receives from their queue", keys.Queue, q.String())
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
		problems = append(problems, "messages have waited in the queue "+q.String()+" for two minutes and no process receives from it")
	}
	return problems
}

// pause waits and reports whether ctx is still open.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()

	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
