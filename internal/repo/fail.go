package repo

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Waits of a message on which the engine panicked.
const (
	panicWait    = time.Second
	panicWaitCap = time.Minute
)

// FailJob puts a held message back and its job on its way to failed, with the
// error on the stage as well. The stop that follows ends the message.
func (r *Repo) FailJob(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	f state.Failure,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	err := r.inTx(ctx, "repo.FailJob", func(t tx) error {
		effects = state.TransitionEffects{}
		args := fence(worker, h)
		args["delay"], args["parked_for"] = 0.0, ""

		n, err := t.exec(ctx, "release", args)
		if err != nil || n == 0 {
			return err
		}

		return failStage(ctx, t, &h, f, &effects)
	})

	return effects, err
}

// ReleasePanicked requeues a claimed message on which the engine panicked and
// counts the panic on the row. The message is due after a wait that doubles
// with each panic. At panic number state.MaxPanics the job fails with f. If the
// job is being stopped, ReleasePanicked leaves it to its stop.
func (r *Repo) ReleasePanicked(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	f state.Failure,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	err := r.inTx(ctx, "repo.ReleasePanicked", func(t tx) error {
		effects = state.TransitionEffects{}
		args := fence(worker, h)
		args["first"], args["cap"] = panicWait.Seconds(), panicWaitCap.Seconds()

		rows, err := t.query(ctx, "release_panicked", args)
		if err != nil {
			return err
		}

		panics, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
		if errors.Is(err, pgx.ErrNoRows) { // fenced out, or a repeat
			return nil
		}

		if err != nil {
			return err
		}

		effects.Queue(h.Queue)

		if panics < state.MaxPanics {
			return nil
		}

		return failStage(ctx, t, &h, f, &effects)
	})

	return effects, err
}

// failStage fails a job for what happened to a message of one of its stages.
func failStage(
	ctx context.Context,
	t tx,
	h *state.ClaimedMessage,
	f state.Failure,
	effects *state.TransitionEffects,
) error {
	if f.Stage != "" {
		if err := stageError(ctx, t, h.JobID, h.Stage, f); err != nil {
			return err
		}
	}

	return failJob(ctx, t, h.JobID, f, effects)
}
