package repo

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// OpenLease inserts the lease of a worker.
func (r *Repo) OpenLease(
	ctx context.Context,
	worker uuid.UUID,
	lease time.Duration,
	build, host string,
	pid int,
) error {
	_, err := r.one(ctx, "repo.OpenLease", "lease_open", namedArgs{
		"worker": worker, "lease": lease.Seconds(), "build": build, "host": host, "pid": pid,
	})

	return err
}

// RenewLease extends a worker's lease to last for lease from now. If the lease
// has ended, alive is false, and the worker cannot renew it any more.
func (r *Repo) RenewLease(
	ctx context.Context,
	worker uuid.UUID,
	lease time.Duration,
) (alive bool, err error) {
	n, err := r.one(
		ctx,
		"repo.RenewLease",
		"lease_renew",
		namedArgs{"worker": worker, "lease": lease.Seconds()},
	)

	return n > 0, err
}

// ShareDurations publishes how long tasks of these types usually take, and
// returns the durations that processes published before, of all types.
func (r *Repo) ShareDurations(
	ctx context.Context,
	tell map[string]time.Duration,
) (told map[string]time.Duration, err error) {
	types, nanos := make([]string, 0, len(tell)), make([]int64, 0, len(tell))
	for name, took := range tell {
		types, nanos = append(types, name), append(nanos, took.Nanoseconds())
	}

	told = map[string]time.Duration{}
	err = r.single(
		ctx,
		"repo.ShareDurations",
		"share_durations",
		namedArgs{"task_types": types, "nanos": nanos},
		func(rows pgx.Rows) error {
			var (
				name string
				took int64
			)

			_, err := pgx.ForEachRow(rows, []any{&name, &took}, func() error {
				told[name] = time.Duration(took)
				return nil
			})

			return err
		},
	)

	return told, err
}

// Progress stores what running handlers report, by message: JSON that maps an
// index to a fraction and a note.
func (r *Repo) Progress(ctx context.Context, worker uuid.UUID, reports []state.ProgressReport) error {
	n := len(reports)
	jobs, ids, attempts, texts := make([][]byte, n), make([]int64, n), make([]int32, n), make([]string, n)

	for i := range reports {
		p := &reports[i]
		jobs[i], ids[i], attempts[i], texts[i] = p.JobID[:], p.MessageID, int32(p.Attempt), string(p.JSON)
	}

	_, err := r.one(ctx, "repo.Progress", "progress", namedArgs{
		"worker": worker, "job_ids": jobs, "message_ids": ids, "attempts": attempts, "progress": texts,
	})

	return err
}

// StoppingJobs lists which of these jobs have a stop request, including jobs
// that the stop has ended. It also lists jobs that no longer exist or that
// another incarnation has replaced.
func (r *Repo) StoppingJobs(ctx context.Context, of []state.JobRef) ([]state.JobRef, error) {
	ids, incarnations := make([][]byte, len(of)), make([]int64, len(of))
	for i := range of {
		ids[i], incarnations[i] = of[i].JobID[:], of[i].Incarnation
	}

	return r.jobRefs(
		ctx,
		"repo.StoppingJobs",
		"stopping_jobs",
		namedArgs{"job_ids": ids, "incarnations": incarnations},
	)
}
