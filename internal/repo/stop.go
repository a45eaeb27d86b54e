package repo

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// stopBatch is how many message rows, and stopTasks how many tasks, one
// statement of a stop ends at most.
const (
	stopBatch = 500
	stopTasks = 5000
)

// cutOff marks a stage whose planning a stop has ended. A retry plans the stage
// again.
const cutOff = `{"code":"cancelled","message":"the job was cancelled before its tasks were planned"}`

func stageError(ctx context.Context, t tx, job state.JobID, stage int, f state.Failure) error {
	f.Message = state.CleanText(f.Message)

	text, err := json.Marshal(f)
	if err != nil {
		return err
	}

	_, err = t.exec(ctx, "stage_error", namedArgs{"job_id": job[:], "stage": stage, "error": string(text)})

	return err
}

// Cancel asks for a job to be stopped, and redrives the message of a stop that
// is under way where it was set aside. An unknown job is an Error with
// CodeNotFound.
func (r *Repo) Cancel(
	ctx context.Context,
	id state.JobID,
	by string,
) (c state.CancelState, effects state.TransitionEffects, err error) {
	err = r.inTx(ctx, "repo.Cancel", func(t tx) error {
		effects = state.TransitionEffects{}

		var (
			asked bool
			err   error
		)
		if c, asked, err = cancelJob(ctx, t, id, by); err != nil {
			return err
		}

		if asked {
			effects.Queue(state.QueueJobs)
			return nil
		}

		if !c.Stopping || c.Status.Ended() {
			return nil
		}

		n, err := t.exec(ctx, "revive_stop", namedArgs{"job_id": id[:], "holder": forcedStop})
		if n > 0 {
			effects.Queue(state.QueueJobs)
		}

		return err
	})

	return c, effects, err
}

// staleReads is how often a cancel is repeated that met a job which ended
// meanwhile: a new statement sees the new state.
const staleReads = 3

func cancelJob(
	ctx context.Context,
	t tx,
	id state.JobID,
	by string,
) (c state.CancelState, asked bool, err error) {
	for range staleReads {
		rows, err := t.query(ctx, "cancel_job", namedArgs{"job_id": id[:], "by": by})
		if err != nil {
			return c, false, err
		}

		_, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (struct{}, error) {
			return struct{}{}, row.Scan(&c.Status, &c.Stopping, &asked, &c.Deleting, &c.Outcome)
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return c, false, noJob("repo.Cancel", id)
		}

		c.Stopping = c.Stopping || asked
		if err != nil || c.Stopping || c.Status.Ended() || c.Outcome != "" {
			return c, asked, err
		}
	}

	return c, asked, nil
}

// StopState reports the progress of a stop. If the job has ended or was never
// stopped, found is false.
func (r *Repo) StopState(ctx context.Context, id state.JobID) (s state.CancelProgress, found bool, err error) {
	err = r.pool.QueryRow(ctx, statement("stop_state"), namedArgs{"job_id": id[:]}).
		Scan(&s.Since, &s.Held, &s.Queued, &s.Undispatched)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, false, nil
	}

	if err != nil {
		return s, false, failure("repo.StopState", err)
	}

	return s, true, nil
}

// StopWork ends a batch of a stopping job's work: queued work, and held work
// too with includeHeld. n is how many message rows, or stages with tasks that
// had none, it touched; 0 means that there is none left, or that the fence
// stands in the way.
func (r *Repo) StopWork(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	includeHeld bool,
) (n int, err error) {
	err = r.inTx(ctx, "repo.StopWork", func(t tx) error {
		args := fence(worker, h)
		args["include_held"], args["most"], args["tasks"] = includeHeld, stopBatch, stopTasks

		rows, err := t.query(ctx, "stop_messages", args)
		if err != nil {
			return err
		}

		n, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])

		return err
	})
	if err != nil || n > 0 {
		return n, err
	}

	args := fence(worker, h)
	args["most"], args["cut_off"] = stopTasks, cutOff

	return r.one(ctx, "repo.StopWork", "stop_tasks", args)
}

// StopEnd ends the stages and the job once no work of it is left: cancelled, or
// failed where its own failure stopped it. If the job has finally stages that
// have not begun, StopEnd starts them instead, and the stop is over.
func (r *Repo) StopEnd(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
) (ended bool, effects state.TransitionEffects, err error) {
	err = r.inTx(ctx, "repo.StopEnd", func(t tx) error {
		ended, effects = false, state.TransitionEffects{}
		args := fence(worker, h)

		args["cut_off"] = cutOff
		if _, err := t.exec(ctx, "stop_stages", args); err != nil {
			return err
		}

		landed, err := endJob(ctx, t, "stop_job", fence(worker, h), h.JobID, &effects)
		if err == nil && !landed {
			return errNotYet
		}

		ended = landed

		return err
	})
	if errors.Is(err, errNotYet) {
		return false, state.TransitionEffects{}, nil
	}

	return ended, effects, err
}

// errNotYet rolls back the end of a stop that found work left.
var errNotYet = state.Errorf(state.CodeConflict, "repo.StopEnd", "the job has unfinished work")
