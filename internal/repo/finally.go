package repo

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// markFinally marks the finally stages of jobs that start. Few jobs have any, so
// that the statements of a submit do not carry them.
func (t tx) markFinally(batch []state.JobSpec) error {
	var (
		jobs          [][]byte
		firsts, count []int16
	)

	for i := range batch {
		g := &batch[i]

		first := slices.IndexFunc(g.Stages, func(s state.StageSpec) bool { return s.Finally })
		if first < 0 {
			continue
		}

		jobs = append(jobs, g.JobID[:])
		firsts, count = append(firsts, int16(first)), append(count, int16(len(g.Stages)-first))
	}

	if len(jobs) == 0 {
		return nil
	}

	return t.later("mark_finally", namedArgs{"job_ids": jobs, "firsts": firsts, "counts": count}, nil)
}

// endJob runs a statement that ends a job. If the job has finally stages that
// have not begun, a trigger writes the message that starts them instead. landed
// is false if the guard of the statement stands in the way.
func endJob(
	ctx context.Context,
	t tx,
	name string,
	args namedArgs,
	id state.JobID,
	effects *state.TransitionEffects,
) (landed bool, err error) {
	rows, err := t.query(ctx, name, args)
	if err != nil {
		return false, err
	}

	ended, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])

	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case ended:
		effects.Jobs = append(effects.Jobs, id)
	default:
		effects.Queue(state.QueueJobs)
	}

	return true, nil
}

// BeginFinally starts the finally stages of a job whose outcome is decided, and
// ends the message. If no task of the job can have run, it skips them, and the
// job ends. If the outcome is not decided, decided is false and nothing changes.
func (r *Repo) BeginFinally(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
) (decided bool, effects state.TransitionEffects, err error) {
	err = r.inTx(ctx, "repo.BeginFinally", func(t tx) error {
		decided, effects = true, state.TransitionEffects{}

		rows, err := t.query(ctx, "finally_lock", fence(worker, h))
		if err != nil {
			return err
		}

		ran, open := false, false

		_, err = pgx.ForEachRow(rows, []any{&decided, &ran}, func() error {
			open = true
			return nil
		})
		if err != nil || open && !decided {
			return err
		}

		if n, err := t.exec(ctx, "drop_message", fence(worker, h)); err != nil || n == 0 || !open {
			return err
		}

		return beginFinally(ctx, t, h.JobID, ran, &effects)
	})

	return decided, effects, err
}

// beginFinally opens the finally stages of a job and starts those that do not
// wait for another. If run is false, it skips all of them.
func beginFinally(ctx context.Context, t tx, id state.JobID, run bool, effects *state.TransitionEffects) error {
	rows, err := t.query(ctx, "finally_open", namedArgs{"job_id": id[:]})
	if err != nil {
		return err
	}

	next, err := pgx.CollectRows(rows, scanStartable)
	if err != nil {
		return err
	}

	start := begin
	if !run {
		start = skip
	}

	ended, err := start(t, next, effects)
	if err != nil {
		return err
	}

	return endStagesBy(ctx, t, ended, start, effects)
}

// Outcome returns what the finally stages of a job may know about it: the
// outcome, and the error if the job has failed.
func (r *Repo) Outcome(ctx context.Context, id state.JobID) (o state.JobOutcome, err error) {
	var text *string

	err = r.pool.QueryRow(ctx, statement("read_outcome"), namedArgs{"job_id": id[:]}).Scan(&o.Status, &text)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, noJob("repo.Outcome", id)
	}

	if err != nil {
		return o, failure("repo.Outcome", err)
	}

	if text == nil {
		return o, nil
	}

	o.Error = &state.Failure{}
	if err := json.Unmarshal([]byte(*text), o.Error); err != nil {
		return o, failure("repo.Outcome", err)
	}

	return o, nil
}
