package model

import (
	"context"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// drain ends the sequence without faults. It delivers everything that waits to
// a process of each build until nothing waits. Then every job must have ended, with at most
// as many deliveries as its stages and tasks need.
func (w *world) drain() {
	for _, p := range w.procs {
		p.fuse.Store(never)
		p.flake.Store(never)
		p.stop(w)
	}

	w.exec(`update workers set lease_until = '-infinity'`)
	w.procs = nil

	for build := range builds {
		own := w.drawSettings()
		own.budget, own.slotWait, own.build = time.Second, patience, build
		w.procs = append(w.procs, w.start(w.slots[build], own))
	}

	deliveries := 0

	for {
		w.sweepBy(w.procs[0])
		w.redrive()

		waiting := w.messages()
		if len(waiting) == 0 {
			break
		}

		if limit := w.maxDeliveries(); deliveries > limit {
			w.t.Fatalf(
				"after %d deliveries, want at most %d, more messages wait: %+v",
				deliveries,
				limit,
				waiting,
			)
		}

		for _, m := range waiting {
			deliveries++

			for _, p := range w.procs { // the next build receives what the first one parks
				w.handle(p, m)
				w.settle(p)

				if !w.isParked(m) {
					break
				}
			}
		}
	}

	w.check()

	var open int
	if err := w.pool.QueryRow(context.Background(), `select count(*) from jobs where finished_at is null`).
		Scan(&open); err != nil ||
		open > 0 {
		w.t.Fatalf("%d jobs are open after all messages were delivered; %v", open, err)
	}

	illegal, err := enginetest.IllegalTransitions(context.Background(), w.pool)
	if err != nil || len(illegal) > 0 {
		w.t.Fatalf("the history contains illegal transitions: %q, %v", illegal, err)
	}
}

// maxDeliveries returns the maximum number of deliveries that the jobs need if
// no more faults occur. A task needs its attempts, the losses that split it
// from a bundle, and its share of a retry expansion. A stage is planned in
// parts, stopped and finished.
func (w *world) maxDeliveries() (deliveries int) {
	err := w.pool.QueryRow(context.Background(),
		`select 10 + 10 * count(*) + $1 * coalesce(sum(planned), 0) from stages`, tries+4).
		Scan(&deliveries)
	if err != nil {
		w.t.Fatal(err)
	}

	return deliveries
}

// sweepBy makes a process sweep. If a sweep has to repair the messages of a
// job, a transaction did not write them.
func (w *world) sweepBy(p *process) {
	rep, err := p.m.Sweep(context.Background())
	if err != nil && state.CodeOf(err) != state.CodeUnavailable {
		w.t.Fatal(err)
	}

	if rep.Repaired > 0 {
		w.t.Fatalf("the sweep repaired %d jobs without a message", rep.Repaired)
	}
}
