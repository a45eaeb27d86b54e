package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/clock"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

var (
	//go:embed queries/floor_counter.sql
	floorCounter string
	//go:embed queries/floor_insert.sql
	floorInsert string
	//go:embed queries/floor_update.sql
	floorUpdate string
	//go:embed queries/usage.sql
	usageText string
	//go:embed queries/open_jobs.sql
	openJobsText string
	//go:embed queries/took.sql
	tookText string
	//go:embed queries/workers.sql
	workersText string
)

// database is the measuring side's own connection, set up as the engine's are,
// and one more for reads. Not for concurrent use.
type database struct {
	repo  *repo.Repo
	conn  *pgx.Conn
	close func()

	fastest time.Duration // run of the jobs that wait waits for; 0: unknown
}

func openDatabase(ctx context.Context, s system) (*database, error) {
	r, err := repo.Open(ctx, repo.Config{URL: s.address(), MaxConns: 2})
	if err != nil {
		return nil, err
	}

	held, err := r.Pool().Acquire(ctx)
	if err != nil {
		r.Close()
		return nil, err
	}

	return &database{repo: r, conn: held.Conn(), close: func() {
		held.Release()
		r.Close()
	}}, nil
}

const floorBatch = 500

// floor runs the statements that the package comment describes, for the given
// number of stages of n tasks.
func (d *database) floor(ctx context.Context, round, stages, n int) (time.Duration, error) {
	if _, err := d.conn.Exec(ctx, floorCounter); err != nil {
		return 0, err
	}

	result := bytes.Repeat([]byte("x"), 80)
	begin := time.Now()

	for stage := range stages {
		job := sha256.Sum256(fmt.Appendf(nil, "floor %d %d", round, stage))
		if _, err := d.conn.Exec(ctx, floorInsert, job[:], n); err != nil {
			return 0, err
		}

		for low := 0; low < n; low += floorBatch {
			indexes, results := make([]int32, 0, floorBatch), make([][]byte, 0, floorBatch)
			for i := low; i < min(n, low+floorBatch); i++ {
				indexes, results = append(indexes, int32(i)), append(results, result)
			}

			if _, err := d.conn.Exec(ctx, floorUpdate, job[:], indexes, results); err != nil {
				return 0, err
			}
		}
	}

	return time.Since(begin), nil
}

// usage is what was spent: transactions that wrote, bytes of write-ahead log,
// statements.
type usage struct{ commits, wal, statements int64 }

func (u usage) minus(v usage) usage {
	return usage{u.commits - v.commits, u.wal - v.wal, u.statements - v.statements}
}

func (u usage) plus(v usage) usage {
	return usage{u.commits + v.commits, u.wal + v.wal, u.statements + v.statements}
}

func (d *database) usage(ctx context.Context, s system) (u usage, err error) {
	u.statements = s.statements()
	err = d.conn.QueryRow(ctx, usageText).Scan(&u.commits, &u.wal)

	return u, err
}

// checkpoint writes the pages that earlier work has changed, as the programs of
// the peers do before they measure.
func (d *database) checkpoint(ctx context.Context) error {
	_, err := d.conn.Exec(ctx, "checkpoint")
	return err
}

// took is how long each job ran, from its row's birth to its end.
func (d *database) took(ctx context.Context, ids []state.JobID) ([]time.Duration, error) {
	rows, err := d.conn.Query(ctx, tookText, keys(ids))
	if err != nil {
		return nil, err
	}

	seconds, err := pgx.CollectRows(rows, pgx.RowTo[float64])

	var each []time.Duration
	for _, s := range seconds {
		each = append(each, time.Duration(s*float64(time.Second)))
	}

	return each, err
}

// open is how many of these jobs have not ended.
func (d *database) open(ctx context.Context, ids []state.JobID) (n int, err error) {
	err = d.conn.QueryRow(ctx, openJobsText, keys(ids)).Scan(&n)
	return n, err
}

// workers is how many processes hold a lease.
func (d *database) workers(ctx context.Context) (n int, err error) {
	err = d.conn.QueryRow(ctx, workersText).Scan(&n)
	return n, err
}

// wait polls: not before four fifths of the time that the fastest run of these
// jobs took, then often, and at last at a fiftieth of what has passed. So neither
// the answer nor the server is much the worse for it.
func (d *database) wait(ctx context.Context, ids []state.JobID) error {
	begin := time.Now()

	if !clock.Sleep(ctx, d.fastest*4/5) {
		return ctx.Err()
	}

	for {
		n, err := d.open(ctx, ids)
		if n == 0 || err != nil {
			return err
		}

		interval := max(500*time.Microsecond, min(time.Since(begin)/50, 50*time.Millisecond))
		if !clock.Sleep(ctx, interval) {
			return ctx.Err()
		}
	}
}

func keys(ids []state.JobID) [][]byte {
	all := make([][]byte, len(ids))
	for i := range ids {
		all[i] = ids[i][:]
	}

	return all
}
