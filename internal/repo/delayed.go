package repo

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Now returns the time of the database. It decides when delayed jobs start and
// when slots of schedules are due.
func (r *Repo) Now(ctx context.Context) (now time.Time, err error) {
	if err := r.pool.QueryRow(ctx, statement("database_time")).Scan(&now); err != nil {
		return now, failure("repo.Now", err)
	}

	return now.UTC(), nil
}

// StartNow makes the first messages of a delayed job due. Landed is false if the
// job is not delayed, if its start has passed, or if it was asked to stop. An
// unknown job is an Error with CodeNotFound.
func (r *Repo) StartNow(
	ctx context.Context, id state.JobID, by string,
) (s state.StartState, effects state.TransitionEffects, err error) {
	const op = "repo.StartNow"

	args := namedArgs{"job_id": id[:], "by": by}
	err = r.single(ctx, op, "start_job", args, func(rows pgx.Rows) (err error) {
		s, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[state.StartState])
		if errors.Is(err, pgx.ErrNoRows) {
			return noJob(op, id)
		}

		return err
	})

	if s.Landed {
		effects.Queue(state.QueueJobs)
	}

	return s, effects, err
}
