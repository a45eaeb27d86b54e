package model

import (
	"context"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// drain ends the sequence: the faults end, and everything that waits is
// delivered to one process, until nothing does. Then every job must have ended,
// within so many deliveries as its stages and tasks call for.
func (w *world) drain() {
	for _, p := range w.procs {
		p.fuse.Store(never)
		p.flake.Store(never)
		p.bury(w)
	}

	w.exec(`update workers set lease_until = '-infinity'`)
	own := w.drawHabits()
	own.budget = time.Second
	p := w.born(w.slots[0], own)
	w.procs = []*process{p}

	deliveries := 0

	for {
		w.sweepBy(p)
		w.redrive()

		waiting := w.messages()
		if len(waiting) == 0 {
			break
		}

		if limit := w.workLeft(); deliveries > limit {
			w.t.Fatalf(
				"after %d deliveries, at most %d of them needed, there is more: %+v",
				deliveries,
				limit,
				waiting,
			)
		}

		for _, m := range waiting {
			deliveries++

			w.handle(p, m)
			w.settle(p)
		}
	}

	w.check()

	var open int
	if err := w.pool.QueryRow(context.Background(), `select count(*) from jobs where finished_at is null`).
		Scan(&open); err != nil ||
		open > 0 {
		w.t.Fatalf("%d jobs are open when nothing is left to deliver; %v", open, err)
	}

	illegal, err := enginetest.Illegal(context.Background(), w.pool)
	if err != nil || len(illegal) > 0 {
		w.t.Fatalf("the history shows what cannot be: %q, %v", illegal, err)
	}
}

// workLeft is how many deliveries the jobs can call for at most, once nothing
// fails that should not: a task has its tries, losses which took it out of a
// bundle, and its share of what opens it for a retry; a stage is planned in
// parts, stopped and finished.
func (w *world) workLeft() (deliveries int) {
	err := w.pool.QueryRow(context.Background(), `select 10 + 10 * count(*) + $1 * coalesce(sum(planned), 0) from stages`, tries+4).
		Scan(&deliveries)
	if err != nil {
		w.t.Fatal(err)
	}

	return deliveries
}

// sweepBy makes a process sweep. A sweep that has to repair a job's messages
// shows that a transaction forgot them.
func (w *world) sweepBy(p *process) {
	rep, err := p.m.Sweep(context.Background())
	if err != nil && state.CodeOf(err) != state.CodeUnavailable {
		w.t.Fatal(err)
	}

	if rep.Repaired > 0 {
		w.t.Fatalf("the sweep repaired %d jobs that had no message", rep.Repaired)
	}
}
