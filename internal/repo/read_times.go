package repo

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// These limits bound what ReadTimes reads. The samples of the stages together
// have at most timesTasks tasks, and that of one stage at most timesSample. If
// the job has more stages than timesTasks, the last ones are left out.
const (
	timesSample = 300
	timesTasks  = 12_000
)

// ReadTimes returns how long the completed tasks of a job's stages took, from a
// sample of each stage. It returns none if there is no such job.
func (r *Repo) ReadTimes(ctx context.Context, id state.JobID) ([]view.StageTimes, error) {
	rows, err := r.pool.Query(
		ctx,
		statement("read_times"),
		pgx.StrictNamedArgs{"job_id": id[:], "sample": timesSample, "most": timesTasks},
	)
	if err != nil {
		return nil, failure("repo.ReadTimes", err)
	}

	times, err := pgx.CollectRows(rows, pgx.RowToStructByPos[view.StageTimes])
	if err != nil {
		return nil, failure("repo.ReadTimes", err)
	}

	return times, nil
}

// ReadSlowest returns the tasks of a job that took longest, at most
// view.MaxSlowest. It reads all tasks. If that takes more than two seconds, it
// returns CodeUnavailable.
func (r *Repo) ReadSlowest(ctx context.Context, id state.JobID) ([]view.TaskSpan, error) {
	const op = "repo.ReadSlowest"

	limited, cancel := context.WithTimeout(ctx, gridLimit)
	defer cancel()

	rows, err := r.pool.Query(limited, statement("read_slowest"),
		pgx.StrictNamedArgs{"job_id": id[:], "until": math.MaxInt32, "most": view.MaxSlowest})
	if err != nil {
		return nil, gridFailure(limited, op, err)
	}

	slowest, err := pgx.CollectRows(rows, pgx.RowToStructByName[view.TaskSpan])
	if err != nil {
		return nil, gridFailure(limited, op, err)
	}

	for i := range slowest {
		slowest[i].StartedAt, slowest[i].FinishedAt = slowest[i].StartedAt.UTC(), slowest[i].FinishedAt.UTC()
	}

	return slowest, nil
}
