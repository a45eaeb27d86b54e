package repo

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// retryStage is a stage as a retry finds it.
type retryStage struct {
	stageRow
	gen       int
	kind      state.Parallelism
	dependsOn []int16
	status    state.StageStatus
	planned   int
	broken    bool
	finally   bool
	again     fate
}

// fate is what a retry does with a stage.
type fate int

const (
	keep    fate = iota // it ended well
	reopen              // its failed and cancelled tasks run again, its gen is kept
	restart             // it runs from the start under a new gen
)

// Retry runs again what did not complete: failed and cancelled tasks, and from
// the start every stage downstream of them. landed is false where the job has
// not ended with work undone. What runs from now on is of the trace that is
// given; "" keeps the one there is.
func (r *Repo) Retry(
	ctx context.Context, id state.JobID, by, traceparent string,
) (res state.Retried, landed bool, effects state.TransitionEffects, err error) {
	err = r.inTx(ctx, "repo.Retry", func(t tx) error {
		res, landed, effects = state.Retried{}, false, state.TransitionEffects{}

		stages, err := lockStages(ctx, t, id)
		if err != nil {
			return err
		}

		if len(stages) == 0 { // the job is gone, or a rerun replaced them
			return nil
		}

		left, finally := decideRetry(stages)

		rows, err := t.query(
			ctx,
			"retry_job",
			namedArgs{"job_id": id[:], "pending_stages": left + finally, "by": by, "traceparent": traceparent},
		)
		if err != nil {
			return err
		}

		res.Attempt, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}

		landed = true

		if left == 0 { // only its result or a finally stage failed
			effects.Queue(state.QueueJobs)

			if _, err := t.exec(ctx, "retry_finish", namedArgs{"job_id": id[:]}); err != nil {
				return err
			}
		}

		if err := r.reopenTasks(ctx, t, id, stages, &res, &effects); err != nil {
			return err
		}

		return restartStages(ctx, t, id, stages, &res, &effects)
	})

	return res, landed, effects, err
}

func lockStages(ctx context.Context, t tx, id state.JobID) ([]retryStage, error) {
	rows, err := t.query(ctx, "retry_stages", namedArgs{"job_id": id[:]})
	if err != nil {
		return nil, err
	}

	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (retryStage, error) {
		s := retryStage{stageRow: stageRow{job: id}}

		var queue int16

		err := row.Scan(
			&s.stage,
			&s.gen,
			&s.kind,
			&s.dependsOn,
			&s.status,
			&s.Total,
			&s.planned,
			&s.Completed,
			&s.Failed,
			&s.Cancelled,
			&s.broken,
			&s.Window,
			&s.Bundle,
			&s.Tolerance,
			&queue,
			&s.name,
			&s.finally,
		)
		s.queue = state.Queue(queue)

		return s, err
	})
}

// decideRetry gives each stage its fate, in topological order, and returns how
// many have to end again: finally stages, all of which run again, and others.
func decideRetry(stages []retryStage) (left, finally int) {
	for i := range stages {
		s := &stages[i]
		if s.finally {
			s.again = restart
			finally++

			continue
		}

		for _, d := range s.dependsOn {
			if stages[d].again != keep {
				s.again = restart
			}
		}

		undone := s.Failed+s.Cancelled > 0
		switch {
		case s.again == restart:
		case s.broken,
			s.status == state.StageWaiting,
			!undone && (s.status == state.StageCancelled || s.status == state.StageFailed):
			s.again = restart
		case undone:
			s.again = reopen
		}

		if s.again != keep {
			left++
		}
	}

	return left, finally
}

// reopenTasks opens what did not complete of each stage, or leaves it to a
// message where it is too much for one statement.
func (r *Repo) reopenTasks(
	ctx context.Context,
	t tx,
	id state.JobID,
	stages []retryStage,
	res *state.Retried,
	effects *state.TransitionEffects,
) error {
	var open []stageRow

	for i := range stages {
		s := &stages[i]
		if s.again != reopen {
			continue
		}

		args := namedArgs{"job_id": id[:], "stage": s.stage, "gen": s.gen}
		if undone := s.Failed + s.Cancelled; undone > r.chunk {
			res.Tasks += undone

			effects.Queue(state.QueueJobs)

			if _, err := t.exec(ctx, "retry_later", args); err != nil {
				return err
			}

			continue
		}

		rows, err := t.query(ctx, "retry_tasks", args)
		if err != nil {
			return err
		}

		opened := 0
		if _, err = pgx.ForEachRow(
			rows,
			[]any{&s.Dispatched, &opened},
			func() error { return nil },
		); err != nil {
			return err
		}

		res.Tasks += opened
		s.Failed, s.Cancelled = 0, 0
		open = append(open, s.stageRow)
	}

	return dispatch(ctx, t, open, effects)
}

func restartStages(
	ctx context.Context,
	t tx,
	id state.JobID,
	stages []retryStage,
	res *state.Retried,
	effects *state.TransitionEffects,
) error {
	var (
		numbers, depsLeft []int16
		ready             []startable
	)

	for i := range stages {
		s := &stages[i]
		if s.again != restart {
			continue
		}

		left := 0
		if s.finally { // it waits for the outcome
			left++
		}

		for _, d := range s.dependsOn {
			if stages[d].again != keep {
				left++
			}
		}

		numbers, depsLeft = append(numbers, int16(s.stage)), append(depsLeft, int16(left))
		if left == 0 {
			ready = append(ready, startable{job: id, stage: s.stage})
		}
	}

	res.Stages = len(numbers)
	if len(numbers) == 0 {
		return nil
	}

	args := namedArgs{"job_id": id[:], "stages": numbers, "pending_dependencies": depsLeft}
	if _, err := t.exec(ctx, "retry_restart", args); err != nil {
		return err
	}

	return planStages(t, ready, effects)
}

// ExpandRetry opens the undone tasks of the next range of a stage for a retry, from
// index first on, which is h.First or where the last call ended. It returns
// where the next range begins and how many tasks the stage has; landed is false
// where the fence stands in the way.
func (r *Repo) ExpandRetry(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	first int,
) (next, planned int, landed bool, err error) {
	args := fence(worker, h)
	args["stage"], args["gen"], args["first"], args["count"] = h.Stage, h.Gen, first, r.chunk
	err = r.single(ctx, "repo.ExpandRetry", "expand_retry", args, func(rows pgx.Rows) error {
		var err error

		planned, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])

		landed = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}

		return err
	})

	return first + r.chunk, planned, landed, err
}

// ExpandRetryEnd gives a stage that was reopened its total, and dispatches its first
// window.
func (r *Repo) ExpandRetryEnd(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	err := r.inTx(ctx, "repo.ExpandRetryEnd", func(t tx) error {
		effects = state.TransitionEffects{}
		args := fence(worker, h)
		args["stage"], args["gen"] = h.Stage, h.Gen

		progress, err := stageProgress(ctx, t, "expand_retry_end", args)
		if err != nil {
			return err
		}

		return advance(ctx, t, progress, &effects)
	})

	return effects, err
}
