package repo

import (
	"context"
	"errors"

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
	again     fate
}

// fate is what a retry does with a stage.
type fate int

const (
	keep    fate = iota // it ended well
	reopen              // its failed and cancelled tasks run again, its gen is kept
	restart             // it runs from the start under a new gen
)

// Retry runs again what did not complete: failed and cancelled tasks, and from the start every stage downstream of them. landed is
// false where the job has not ended with work undone. What runs from now on is of the trace that is given; "" keeps the one there is.
func (r *Repo) Retry(
	ctx context.Context, id state.JobID, by, traceparent string,
) (res state.Retried, landed bool, moved state.Moved, err error) {
	err = r.inTx(ctx, "repo.Retry", func(t tx) error {
		res, landed, moved = state.Retried{}, false, state.Moved{}
		stages, err := lockStages(ctx, t, id)
		if err != nil {
			return err
		}
		left := decideRetry(stages)
		rows, err := t.query(ctx, "retry_job", namedArgs{"job_id": id[:], "stages_left": left, "by": by, "traceparent": traceparent})
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
		if left == 0 { // only its result failed
			moved.Queue(state.QueueJobs)
			_, err := t.exec(ctx, "retry_finish", namedArgs{"job_id": id[:]})
			return err
		}
		if err := reopenTasks(ctx, t, id, stages, &res, &moved); err != nil {
			return err
		}
		return restartStages(ctx, t, id, stages, &res, &moved)
	})
	return res, landed, moved, err
}

func lockStages(ctx context.Context, t tx, id state.JobID) ([]retryStage, error) {
	rows, err := t.query(ctx, "retry_stages", namedArgs{"job_id": id[:]})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (retryStage, error) {
		s := retryStage{stageRow: stageRow{job: id}}
		var queue int16
		err := row.Scan(&s.stage, &s.gen, &s.kind, &s.dependsOn, &s.status, &s.total, &s.planned, &s.completed, &s.failed,
			&s.cancelled, &s.broken, &s.window, &s.bundle, &s.tolerance, &queue, &s.name)
		s.queue = state.Queue(queue)
		return s, err
	})
}

// decideRetry gives each stage its fate, in topological order, and returns how many have to end again.
func decideRetry(stages []retryStage) (left int) {
	for i := range stages {
		s := &stages[i]
		for _, d := range s.dependsOn {
			if stages[d].again != keep {
				s.again = restart
			}
		}
		undone := s.failed+s.cancelled > 0
		switch {
		case s.again == restart:
		case s.broken, s.status == state.StageWaiting, !undone && (s.status == state.StageCancelled || s.status == state.StageFailed):
			s.again = restart
		case undone:
			s.again = reopen
		}
		if s.again != keep {
			left++
		}
	}
	return left
}

func reopenTasks(ctx context.Context, t tx, id state.JobID, stages []retryStage, res *state.Retried, moved *state.Moved) error {
	var open []stageRow
	for i := range stages {
		s := &stages[i]
		if s.again != reopen {
			continue
		}
		rows, err := t.query(ctx, "retry_tasks", namedArgs{"job_id": id[:], "stage": s.stage, "gen": s.gen})
		if err != nil {
			return err
		}
		opened := 0
		if _, err = pgx.ForEachRow(rows, []any{&s.dispatched, &opened}, func() error { return nil }); err != nil {
			return err
		}
		res.Tasks += opened
		s.failed, s.cancelled = 0, 0
		open = append(open, s.stageRow)
	}
	return dispatch(ctx, t, open, moved)
}

func restartStages(ctx context.Context, t tx, id state.JobID, stages []retryStage, res *state.Retried, moved *state.Moved) error {
	var numbers, depsLeft []int16
	var ready []startable
	for i := range stages {
		s := &stages[i]
		if s.again != restart {
			continue
		}
		left := 0
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
	args := namedArgs{"job_id": id[:], "stages": numbers, "deps_left": depsLeft}
	if _, err := t.exec(ctx, "retry_restart", args); err != nil {
		return err
	}
	return planStages(t, ready, moved)
}
