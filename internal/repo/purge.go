package repo

import (
	"context"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Bounds of one statement of a deletion: rows, and bytes of inputs, results,
// parts, errors and log lines, each of which costs as much to delete as to write.
const (
	purgeBatch = 10_000
	purgeBytes = 64 << 20
)

// PurgeMark marks an ended job for deletion and returns its incarnation. If
// the job has not ended, is gone, or is marked already, landed is false.
func (r *Repo) PurgeMark(ctx context.Context, id state.JobID) (incarnation int64, landed bool, err error) {
	read := func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&incarnation}, func() error {
			landed = true
			return nil
		})

		return err
	}
	err = r.single(ctx, "repo.PurgeMark", "purge_mark", namedArgs{"job_id": id[:]}, read)

	return incarnation, landed, err
}

// PurgeOld marks jobs past their retention and returns how many.
func (r *Repo) PurgeOld(ctx context.Context, retention time.Duration, most int) (int, error) {
	return r.one(ctx, "repo.PurgeOld", "purge_old", namedArgs{"retention": retention.Seconds(), "most": most})
}

// PurgeNext lists jobs whose deletion has begun and not ended.
func (r *Repo) PurgeNext(ctx context.Context, most int) ([]state.JobRef, error) {
	return r.jobRefs(ctx, "repo.PurgeNext", "purge_next", namedArgs{"most": most})
}

func (r *Repo) jobRefs(ctx context.Context, op, name string, args namedArgs) ([]state.JobRef, error) {
	rows, err := r.pool.Query(ctx, statement(name), args)
	if err != nil {
		return nil, failure(op, err)
	}

	refs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (state.JobRef, error) {
		var (
			raw []byte
			ref state.JobRef
		)

		err := row.Scan(&raw, &ref.Incarnation)
		copy(ref.JobID[:], raw)

		return ref, err
	})
	if err != nil {
		return nil, failure(op, err)
	}

	return refs, nil
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

// purgeTables lists the tables in the order in which a purge empties them. Once
// the messages are deleted, no worker can write for the job any more.
var purgeTables = []struct {
	name string
	args namedArgs
}{
	{"purge_messages", namedArgs{"most": purgeBatch}},
	{"purge_tasks", namedArgs{"most": purgeBatch, "bytes": purgeBytes}},
	{"purge_result_parts", namedArgs{"most": purgeBatch, "bytes": purgeBytes}},
	{"purge_attempts", namedArgs{"most": purgeBatch, "bytes": purgeBytes}},
	{"purge_task_logs", namedArgs{"most": purgeBatch, "bytes": purgeBytes}},
	{"purge_events", namedArgs{"most": purgeBatch}},
}

// Purge deletes the next rows of a marked job, the job row last. Each statement
// is bound to the mark of this incarnation: if the job was submitted again in
// the meantime, Purge deletes nothing and done is true. If it is interrupted,
// the next call continues.
func (r *Repo) Purge(ctx context.Context, ref state.JobRef) (rows int, done bool, err error) {
	job := namedArgs{"job_id": ref.JobID[:], "incarnation": ref.Incarnation}

	for _, table := range purgeTables {
		args := maps.Clone(table.args)
		maps.Copy(args, job)

		err := r.inTx(ctx, "repo.Purge", func(t tx) (err error) {
			rows, err = t.exec(ctx, table.name, args)
			return err
		})
		if err != nil || rows > 0 {
			return rows, false, err
		}
	}

	err = r.inTx(ctx, "repo.Purge", func(t tx) error {
		answer, err := t.query(ctx, "purge_job", job)
		if err != nil {
			return err
		}

		done, err = pgx.CollectExactlyOneRow(answer, pgx.RowTo[bool])

		return err
	})
	if done && err == nil {
		rows = 1
	}

	return rows, done, err
}

// Touch makes retention count from now for a job that a submit found. If the job
// is gone or marked for deletion, landed is false.
func (r *Repo) Touch(ctx context.Context, id state.JobID) (landed bool, err error) {
	n, err := r.one(ctx, "repo.Touch", "touch_job", namedArgs{"job_id": id[:]})
	return n > 0, err
}

// Full reports whether the number of queued and running jobs has reached a
// limit.
func (r *Repo) Full(ctx context.Context, most int) (full bool, err error) {
	err = r.pool.QueryRow(ctx, statement("queued_jobs"), namedArgs{"most": most}).Scan(&full)
	if err != nil {
		return false, failure("repo.Full", err)
	}

	return full, nil
}
