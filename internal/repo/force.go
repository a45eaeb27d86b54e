package repo

import (
	"context"
	"maps"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Bounds of a forced cancel: rows that one statement touches, and how long the
// sweep and other cancels leave its fence alone.
const (
	forceMessages = 1000
	forceTasks    = 10_000
	forceHold     = 60 // seconds
)

// errForceLost means that another stop took over: its fence is gone.
var errForceLost = state.Errorf(
	state.CodeConflict,
	"repo.ForceCancel",
	"another cancel of the job is running",
)

// force is one forced cancel: every statement is bound to its fence.
type force struct {
	repo *Repo
	id   state.JobID
	args namedArgs // the fence

	messages, tasks, repaired int
}

// ForceCancel ends an open job as cancelled from its rows. It does not rely on
// the job's counters and messages. It deletes the messages, counts the tasks
// range by range, writes the counters and ends the job. If the job is not open,
// ended is false. If ForceCancel is interrupted, the sweep continues with an
// ordinary stop.
func (r *Repo) ForceCancel(
	ctx context.Context,
	id state.JobID,
	by string,
) (ended bool, effects state.TransitionEffects, err error) {
	f := &force{repo: r, id: id}

	begun, err := f.begin(ctx, by)
	if err != nil || !begun {
		return false, effects, err
	}

	if err := f.deleteMessages(ctx); err != nil {
		return false, effects, err
	}

	counted, err := f.count(ctx)
	if err != nil {
		return false, effects, err
	}

	if err := f.end(ctx, counted, by); err != nil {
		return false, effects, err
	}

	effects.Jobs = []state.JobID{id}

	return true, effects, nil
}

func (f *force) begin(ctx context.Context, by string) (begun bool, err error) {
	var message int64

	args := namedArgs{"job_id": f.id[:], "by": by, "holder": forcedStop, "hold": forceHold, "cut_off": cutOff}
	err = f.repo.single(ctx, "repo.ForceCancel", "force_begin", args, func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&message}, func() error {
			begun = true
			return nil
		})

		return err
	})
	f.args = namedArgs{"job_id": f.id[:], "message_id": message, "holder": forcedStop}

	return begun, err
}

// with returns the fence and more arguments.
func (f *force) with(more namedArgs) namedArgs {
	maps.Copy(more, f.args)
	return more
}

func (f *force) hold(ctx context.Context) error {
	n, err := f.repo.one(ctx, "repo.ForceCancel", "force_hold", f.with(namedArgs{"hold": forceHold}))
	if err == nil && n == 0 {
		return errForceLost
	}

	return err
}

func (f *force) deleteMessages(ctx context.Context) error {
	for {
		if err := f.hold(ctx); err != nil {
			return err
		}

		var (
			n    int
			seen bool
		)

		err := f.repo.inTx(ctx, "repo.ForceCancel", func(t tx) error {
			rows, err := t.query(ctx, "force_messages", f.with(namedArgs{"most": forceMessages}))
			if err != nil {
				return err
			}

			_, err = pgx.ForEachRow(rows, []any{&n, &seen}, func() error { return nil })

			return err
		})
		if err != nil || !seen {
			return err
		}

		f.messages += n
	}
}

// forcedStage is a stage with what its rows say.
type forcedStage struct {
	Stage, Gen                   int
	Kind                         state.Parallelism
	Status                       state.StageStatus
	Planned, Extent              int
	completed, failed, cancelled int
}

// count ends what is open and counts every stage, range by range.
func (f *force) count(ctx context.Context) ([]forcedStage, error) {
	rows, err := f.repo.pool.Query(ctx, statement("force_stages"), namedArgs{"job_id": f.id[:]})
	if err != nil {
		return nil, failure("repo.ForceCancel", err)
	}

	stages, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (forcedStage, error) {
		var s forcedStage

		err := row.Scan(&s.Stage, &s.Gen, &s.Kind, &s.Status, &s.Planned, &s.Extent)

		return s, err
	})
	if err != nil {
		return nil, failure("repo.ForceCancel", err)
	}

	for i := range stages {
		for first := 0; first < stages[i].Extent; first += forceTasks {
			if err := f.countRange(ctx, &stages[i], first); err != nil {
				return nil, err
			}
		}
	}

	return stages, nil
}

func (f *force) countRange(ctx context.Context, s *forcedStage, first int) error {
	if err := f.hold(ctx); err != nil {
		return err
	}

	args := f.with(
		namedArgs{"stage": s.Stage, "gen": s.Gen, "first": first, "count": min(forceTasks, s.Extent-first)},
	)

	var completed, failed, cancelled int

	held := false

	err := f.repo.inTx(ctx, "repo.ForceCancel", func(t tx) error {
		rows, err := t.query(ctx, "force_tasks", args)
		if err != nil {
			return err
		}

		_, err = pgx.ForEachRow(
			rows,
			[]any{&completed, &failed, &cancelled, &held},
			func() error { return nil },
		)

		return err
	})
	if err == nil && !held {
		err = errForceLost
	}

	if err != nil {
		return err
	}

	s.completed += completed
	s.failed += failed
	s.cancelled += cancelled
	f.tasks += completed + failed + cancelled

	return nil
}

// end writes the counters and ends the job, in one transaction.
func (f *force) end(ctx context.Context, stages []forcedStage, by string) error {
	var (
		numbers                               []int16
		planned, completed, failed, cancelled []int32
	)

	for i := range stages {
		s := &stages[i]
		numbers, planned = append(numbers, int16(s.Stage)), append(planned, int32(s.Extent))
		completed, failed = append(completed, int32(s.completed)), append(failed, int32(s.failed))
		cancelled = append(cancelled, int32(s.cancelled))
	}

	return f.repo.inTx(ctx, "repo.ForceCancel", func(t tx) error {
		rows, err := t.query(ctx, "force_counters", f.with(namedArgs{
			"stages":    numbers,
			"planned":   planned,
			"completed": completed,
			"failed":    failed,
			"cancelled": cancelled,
			"cut_off":   cutOff,
		}))
		if err != nil {
			return err
		}

		if f.repaired, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int]); err != nil {
			return err
		}

		n, err := t.exec(ctx, "force_end", f.with(namedArgs{
			"by": by, "messages": f.messages, "tasks": f.tasks, "repaired": f.repaired,
		}))
		if err == nil && n == 0 {
			return errForceLost
		}

		return err
	})
}
