package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

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
	//go:embed queries/announce_ends.sql
	announceEndsText string
	//go:embed queries/listen.sql
	listenText string
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

	d := &database{repo: r, conn: held.Conn(), close: func() {
		held.Release()
		r.Close()
	}}

	if _, err := d.conn.Exec(ctx, listenText); err != nil {
		d.close()
		return nil, err
	}

	return d, nil
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

// open returns the jobs among these that have not ended, in hexadecimal.
func (d *database) open(ctx context.Context, ids []state.JobID) ([]string, error) {
	rows, err := d.conn.Query(ctx, openJobsText, keys(ids))
	if err != nil {
		return nil, err
	}

	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// workers is how many processes hold a lease.
func (d *database) workers(ctx context.Context) (n int, err error) {
	err = d.conn.QueryRow(ctx, workersText).Scan(&n)
	return n, err
}

// wait returns when all have ended. It listens to what their ends announce, so
// that it costs the server nothing meanwhile: see announceEnds.
func (d *database) wait(ctx context.Context, ids []state.JobID) error {
	open, err := d.open(ctx, ids)
	if err != nil {
		return err
	}

	left := map[string]bool{}
	for _, id := range open {
		left[id] = true
	}

	for len(left) > 0 {
		n, err := d.conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}

		delete(left, n.Payload)
	}

	return nil
}

// announceEnds makes the end of each job in the schema known to wait. Only the
// jobs of other processes need it.
func announceEnds(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}

	_, err = conn.Exec(ctx, announceEndsText)

	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

func keys(ids []state.JobID) [][]byte {
	all := make([][]byte, len(ids))
	for i := range ids {
		all[i] = ids[i][:]
	}

	return all
}
