package repo

import (
	"context"

	"github.com/google/uuid"

	"coremachine/internal/state"
)

// PlanComputed writes the next count tasks of a stage whose inputs are computed.
// h.Planned is where the last chunk ended; landed is false where the fence or
// another's chunk stands in the way.
func (r *Repo) PlanComputed(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	count int,
) (landed bool, err error) {
	args := planArgs(worker, h)
	args["count"], args["follows"] = count, h.Shape == state.MatchPrevious
	n, err := r.one(ctx, "repo.PlanComputed", "plan_computed", args)

	return n > 0, err
}

// PlanInputs writes the next tasks of a fan_out stage, one an input.
func (r *Repo) PlanInputs(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	inputs [][]byte,
) (landed bool, err error) {
	args := planArgs(worker, h)
	args["inputs"] = inputs
	n, err := r.one(ctx, "repo.PlanInputs", "plan_inputs", args)

	return n > 0, err
}

func planArgs(worker uuid.UUID, h state.ClaimedMessage) namedArgs {
	args := fence(worker, h)
	args["stage"], args["gen"], args["planned"] = h.Stage, h.Gen, h.Planned

	return args
}

// PlanEnd sets the total of the stage and dispatches its first window. If no
// task is left to run, it ends the stage immediately.
func (r *Repo) PlanEnd(
	ctx context.Context,
	local state.LocalCapacity,
	h state.ClaimedMessage,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	err := r.inTx(ctx, "repo.PlanEnd", func(t tx) error {
		effects, t.local = state.TransitionEffects{}, local
		args := fence(local.Worker, h)
		args["stage"], args["gen"] = h.Stage, h.Gen
		args["bundle"] = state.BundleSize(h.Bundle, h.Planned, t.taskDuration(h.TaskType))

		progress, err := stageProgress(ctx, t, "plan_end", args)
		if err != nil {
			return err
		}

		return advance(ctx, t, progress, &effects)
	})

	return effects, err
}

// PlanSkip ends a stage that was to be planned and is skipped.
func (r *Repo) PlanSkip(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	err := r.inTx(ctx, "repo.PlanSkip", func(t tx) error {
		effects = state.TransitionEffects{}

		n, err := t.exec(ctx, "drop_message", fence(worker, h))
		if err != nil || n == 0 {
			return err
		}

		return endStages(ctx, t, []stageEnd{{h.JobID, h.Stage, state.StageSkipped}}, &effects)
	})

	return effects, err
}

// PlanFail ends a plan that cannot be made, and with it the job.
func (r *Repo) PlanFail(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	f state.Failure,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	err := r.inTx(ctx, "repo.PlanFail", func(t tx) error {
		effects = state.TransitionEffects{}

		n, err := t.exec(ctx, "drop_message", fence(worker, h))
		if err != nil || n == 0 {
			return err
		}

		if err := stageError(ctx, t, h.JobID, h.Stage, f); err != nil {
			return err
		}

		return failJob(ctx, t, h.JobID, f, &effects)
	})

	return effects, err
}

// Finish ends a job with its result, or starts its finally stages.
func (r *Repo) Finish(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	result []byte,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	args := fence(worker, h)
	args["result"] = result

	err := r.inTx(ctx, "repo.Finish", func(t tx) error {
		effects = state.TransitionEffects{}
		_, err := endJob(ctx, t, "finish_job", args, h.JobID, &effects)

		return err
	})

	return effects, err
}

// FinishFail ends a job whose result cannot be made.
func (r *Repo) FinishFail(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	f state.Failure,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	err := r.inTx(ctx, "repo.FinishFail", func(t tx) error {
		effects = state.TransitionEffects{}

		n, err := t.exec(ctx, "drop_message", fence(worker, h))
		if err != nil || n == 0 {
			return err
		}

		return failJob(ctx, t, h.JobID, f, &effects)
	})

	return effects, err
}
