package repo

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// purgeBatch is how many rows one statement of a deletion deletes.
const purgeBatch = 10_000

// PurgeMark marks an ended job for deletion; landed is false when it has not ended, or was marked before.
func (r *Repo) PurgeMark(ctx context.Context, id state.JobID) (landed bool, err error) {
	n, err := r.one(ctx, "repo.PurgeMark", "purge_mark", namedArgs{"job_id": id[:]})
	return n > 0, err
}

// PurgeOld marks jobs past their retention and returns how many.
func (r *Repo) PurgeOld(ctx context.Context, retention time.Duration, most int) (int, error) {
	return r.one(ctx, "repo.PurgeOld", "purge_old", namedArgs{"retention": retention.Seconds(), "most": most})
}

// PurgeNext lists jobs whose deletion was begun and has not ended.
func (r *Repo) PurgeNext(ctx context.Context, most int) ([]state.JobID, error) {
	return r.jobIDs(ctx, "repo.PurgeNext", "purge_next", namedArgs{"most": most})
}

func (r *Repo) jobIDs(ctx context.Context, op, name string, args namedArgs) ([]state.JobID, error) {
	rows, err := r.pool.Query(ctx, statement(name), args)
	if err != nil {
		return nil, failure(op, err)
	}
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (state.JobID, error) {
		var raw []byte
		err := row.Scan(&raw)
		if err != nil {
			return state.JobID{}, err
		}
		return state.JobID(raw), nil
	})
	if err != nil {
		return nil, failure(op, err)
	}
	return ids, nil
}

// Purge deletes the next rows of a marked job, children first; done is true when nothing of it is left. It may be cut off anywhere and called
// again.
func (r *Repo) Purge(ctx context.Context, id state.JobID) (rows int, done bool, err error) {
	for _, name := range []string{"purge_tasks", "purge_result_parts", "purge_attempts", "purge_events"} {
		n, err := r.one(ctx, "repo.Purge", name, namedArgs{"job_id": id[:], "most": purgeBatch})
		if err != nil || n > 0 {
			return n, false, err
		}
	}
	_, err = r.one(ctx, "repo.Purge", "purge_job", namedArgs{"job_id": id[:]})
	return 1, err == nil, err
}

// Touch keeps a job that a submit found there from retention for another while.
func (r *Repo) Touch(ctx context.Context, id state.JobID) error {
	_, err := r.one(ctx, "repo.Touch", "touch_job", namedArgs{"job_id": id[:]})
	return err
}

// Full tells whether at least most jobs are queued or running.
func (r *Repo) Full(ctx context.Context, most int) (full bool, err error) {
	err = r.pool.QueryRow(ctx, statement("queued_jobs"), namedArgs{"most": most}).Scan(&full)
	if err != nil {
		return false, failure("repo.Full", err)
	}
	return full, nil
}
