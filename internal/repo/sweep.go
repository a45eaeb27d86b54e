package repo

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Limits of one sweep; the next finds the rest.
const (
	sweepBatch   = 1000
	sweepStall   = 5 * time.Minute // a stage without progress for this time may have lost a message
	deadRedrives = 3               // times that a dead letter is redriven by itself
	// forcedStop is the dead_reason of a stop message that a forced cancel
	// holds.
	forcedStop = "a forced cancel is running"

	deadSendDelay = 30 * time.Second
)

// SweepBegin leaves the row of a sweep that starts.
func (r *Repo) SweepBegin(ctx context.Context) (id int64, err error) {
	if err := r.pool.QueryRow(ctx, statement("sweep_begin")).Scan(&id); err != nil {
		return 0, failure("repo.SweepBegin", err)
	}

	return id, nil
}

// SweepBeginDue starts the sweep of the current interval of database time. ok
// is false where a process of the fleet has started it already.
func (r *Repo) SweepBeginDue(ctx context.Context, every time.Duration) (id int64, ok bool, err error) {
	err = r.single(
		ctx,
		"repo.SweepBeginDue",
		"sweep_begin_due",
		namedArgs{"every": every.Seconds()},
		func(rows pgx.Rows) error {
			ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])

			ok = len(ids) > 0
			if ok {
				id = ids[0]
			}

			return err
		},
	)

	return id, ok, err
}

// SweepEnd records what a sweep found and did, and tidies the tables that only
// sweeps tidy.
func (r *Repo) SweepEnd(ctx context.Context, id int64, found state.SweepFound, problem string) error {
	text, err := json.Marshal(found)
	if err != nil {
		return failure("repo.SweepEnd", err)
	}

	for name, args := range map[string]namedArgs{
		"sweep_end":     {"sweep_id": id, "found": string(text), "error": state.CleanText(problem)},
		"sweep_workers": {}, "sweep_sweeps": {},
	} {
		if _, err := r.one(ctx, "repo.SweepEnd", name, args); err != nil {
			return err
		}
	}

	return nil
}

// Resend sends messages again that were sent but that no worker processed. It
// covers messages of stalled stages, and messages of queues on which a receiver
// waited without result for longer than idle.
func (r *Repo) Resend(ctx context.Context, idle time.Duration) (int, state.TransitionEffects, error) {
	return r.queuesOf(ctx, "repo.Resend", "sweep_resend", namedArgs{
		"stall": sweepStall.Seconds(), "idle": idle.Seconds(), "most": sweepBatch,
	})
}

// RedriveDeadLetters redrives dead letters of work that is still wanted.
func (r *Repo) RedriveDeadLetters(ctx context.Context) (int, state.TransitionEffects, error) {
	return r.queuesOf(ctx, "repo.RedriveDeadLetters", "sweep_dead", namedArgs{
		"most":          sweepBatch,
		"holder":        forcedStop,
		"most_redrives": deadRedrives,
		"delay":         deadSendDelay.Seconds(),
	})
}

func (r *Repo) queuesOf(
	ctx context.Context,
	op, name string,
	args namedArgs,
) (n int, effects state.TransitionEffects, err error) {
	err = r.single(ctx, op, name, args, func(rows pgx.Rows) error {
		queues, err := pgx.CollectRows(rows, pgx.RowTo[int16])
		for _, q := range queues {
			effects.Queue(state.Queue(q))
		}

		n = len(queues)

		return err
	})

	return n, effects, err
}

// IdleJobs lists open jobs that no message can advance: their invariants do not
// hold.
func (r *Repo) IdleJobs(ctx context.Context) ([]state.JobID, error) {
	return r.jobIDs(ctx, "repo.IdleJobs", "sweep_idle", namedArgs{"most": sweepBatch})
}

// Repair creates the missing messages of an idle job and records what its
// counters imply. It works in one transaction, from the job's own rows. If the
// job is not idle any more, Repair does not change it.
func (r *Repo) Repair(ctx context.Context, id state.JobID) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	err := r.inTx(ctx, "repo.Repair", func(t tx) error {
		effects = state.TransitionEffects{}

		stages, gens, err := idleStages(ctx, t, id)
		if err != nil {
			return err
		}

		idle, err := stillIdle(ctx, t, id)
		if err != nil || !idle {
			return err
		}

		if err := t.later("insert_repair_events", namedArgs{"job_id": id[:]}, nil); err != nil {
			return err
		}

		n, err := t.exec(ctx, "repair_job", namedArgs{"job_id": id[:]})
		if err != nil || n > 0 {
			effects.Queue(state.QueueJobs)
			return err
		}

		if n, err = t.exec(ctx, "repair_plans", namedArgs{"job_id": id[:]}); err != nil {
			return err
		}

		if n > 0 {
			effects.Queue(state.QueueJobs)
		}

		for i := range stages {
			s := &stages[i]

			n, err := t.exec(ctx, "uncovered", namedArgs{
				"job_id":     id[:],
				"stage":      s.stage,
				"gen":        gens[i],
				"dispatched": s.Dispatched,
				"queue":      int16(s.queue),
				"most":       sweepBatch,
			})
			if err != nil {
				return err
			}

			if n > 0 {
				effects.Queue(s.queue)
			}
		}

		return advance(ctx, t, stages, &effects)
	})

	return effects, err
}

func stillIdle(ctx context.Context, t tx, id state.JobID) (idle bool, err error) {
	n, err := t.exec(ctx, "repair_lock", namedArgs{"job_id": id[:]})
	if err != nil || n == 0 {
		return false, err
	}

	rows, err := t.query(ctx, "repair_idle", namedArgs{"job_id": id[:]})
	if err != nil {
		return false, err
	}

	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
}

func idleStages(ctx context.Context, t tx, id state.JobID) (stages []stageRow, gens []int, err error) {
	rows, err := t.query(ctx, "idle_stages", namedArgs{"job_id": id[:]})
	if err != nil {
		return nil, nil, err
	}

	stages, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s stageRow, err error) {
		var gen int

		err = s.scan(row, &gen)
		gens = append(gens, gen)

		return s, err
	})

	return stages, gens, err
}
