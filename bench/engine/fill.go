package engine

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed queries/fill_jobs.sql
	fillJobs string
	//go:embed queries/fill_stages.sql
	fillStages string
	//go:embed queries/fill_tasks.sql
	fillTasks string
	//go:embed queries/settle.sql
	settle string
)

const (
	fillJob   = 10_000  // tasks of a job
	fillBatch = 200_000 // tasks of a statement

	settleFrom = 500_000 // fewer are soon written back, and a checkpoint waits for all that others wrote
)

// fill creates finished jobs with the given total number of tasks, as if they
// had ended that long ago. While fill runs, nothing else may use the tables.
func fill(ctx context.Context, address string, tasks int, ago time.Duration) (err error) {
	conn, err := pgx.Connect(ctx, address) // no limit of time: each statement makes many rows
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()

	each := min(fillJob, tasks)

	jobs, batch := (tasks+each-1)/each, max(1, fillBatch/each)
	for from := 1; from <= jobs; from += batch {
		to := min(jobs, from+batch-1)
		for _, text := range []string{fillJobs, fillStages, fillTasks} {
			if _, err := conn.Exec(ctx, text, from, to, each, ago.Seconds()); err != nil {
				return err
			}
		}
	}

	if tasks < settleFrom {
		return nil
	}

	if _, err := conn.Exec(ctx, settle); err != nil {
		return err
	}

	_, err = conn.Exec(ctx, "checkpoint")

	return err
}
