package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"time"
)

var (
	//go:embed queries/floor_insert.sql
	floorInsert string
	//go:embed queries/floor_update.sql
	floorUpdate string
	//go:embed queries/usage.sql
	usageText string
)

const floorBatch = 500

// floor does what the package comment says, for so many stages of n tasks.
func (e *engine) floor(ctx context.Context, round, stages, n int) (time.Duration, error) {
	conn, err := e.repo.Pool().Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "create table if not exists floor_counter as select 0::bigint as done"); err != nil {
		return 0, err
	}
	result := bytes.Repeat([]byte("x"), 80)
	begin := time.Now()
	for stage := range stages {
		job := sha256.Sum256(fmt.Appendf(nil, "floor %d %d", round, stage))
		if _, err := conn.Exec(ctx, floorInsert, job[:], n); err != nil {
			return 0, err
		}
		for low := 0; low < n; low += floorBatch {
			indexes, results := make([]int32, 0, floorBatch), make([][]byte, 0, floorBatch)
			for i := low; i < min(n, low+floorBatch); i++ {
				indexes, results = append(indexes, int32(i)), append(results, result)
			}
			if _, err := conn.Exec(ctx, floorUpdate, job[:], indexes, results); err != nil {
				return 0, err
			}
		}
	}
	return time.Since(begin), nil
}

type usage struct{ commits, wal int64 }

func (e *engine) usage(ctx context.Context) (u usage, err error) {
	err = e.repo.Pool().QueryRow(ctx, usageText).Scan(&u.commits, &u.wal)
	return u, err
}
