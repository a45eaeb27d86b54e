package repo

import (
	"context"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// runEvents is the maximum number of events of each kind that the runs of a job
// are made from.
const runEvents = 1000

// ListRuns returns the runs of a job, newest first, as its events record them.
// If the job does not exist, it returns CodeNotFound.
func (r *Repo) ListRuns(ctx context.Context, id state.JobID) ([]view.RunView, error) {
	const op = "repo.ListRuns"

	job, err := r.ReadJob(ctx, id)
	if err != nil {
		return nil, err
	}

	rows, err := r.pool.Query(ctx, statement("read_runs"), namedArgs{
		"job_id": id[:], "kinds": view.RunKinds, "most": runEvents,
	})
	if err != nil {
		return nil, failure(op, err)
	}

	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e view.EventView, err error) {
		err = row.Scan(&e.EventID, &e.At, &e.Kind, &e.Stage, &e.Fingerprint, &e.Detail)
		e.At = e.At.UTC()

		return e, err
	})
	if err != nil {
		return nil, failure(op, err)
	}

	return view.Runs(job, events), nil
}
