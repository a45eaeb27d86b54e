package repo

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// warmConns is how many connections a process with little to do comes to use.
const warmConns = 4

// hot are the statements of a job's way through the engine.
var hot = []string{
	"create_jobs",
	"complete_stages",
	"claim",
	"job_params",
	"predecessors",
	"complete",
	"lock_dependents",
	"end_stages",
	"start_stages",
	"lock_jobs",
	"decrement_pending_stages",
}

// Warm opens connections and has the server plan the hot statements on each,
// and more of the caller's, one connection after the other: a first job would
// otherwise wait some milliseconds for each. They run with NULL for every
// parameter, which finds and writes nothing.
func (r *Repo) Warm(ctx context.Context, more []string) error {
	if r.pool.Pooled() {
		return nil // the plans of a session are not this process's
	}

	held := make([]*pgxpool.Conn, 0, warmConns)
	defer func() {
		for _, conn := range held {
			conn.Release()
		}
	}()

	for range min(warmConns, int(r.Pool().Stat().MaxConns())-1) {
		conn, err := r.pool.Acquire(ctx)
		if err != nil {
			return failure("repo.Warm", err)
		}

		held = append(held, conn)

		var batch pgx.Batch // one keeps what its connection knows of its statements
		for _, name := range hot {
			batch.Queue(statement(name), pgx.NamedArgs{})
		}

		for _, sql := range more {
			batch.Queue(sql, pgx.NamedArgs{})
		}

		if err := conn.SendBatch(ctx, &batch).Close(); err != nil {
			return failure("repo.Warm", err)
		}
	}

	return nil
}
