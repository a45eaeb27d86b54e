package engine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

//go:embed queries/stage_totals.sql
var stageTotals string

// MillionResult is what a very large job cost, and what it cost others. Times
// are in milliseconds.
type MillionResult struct {
	Mode      string  `json:"mode"`
	Processes int     `json:"processes"`
	Tasks     int     `json:"tasks"`
	Ms        float64 `json:"ms"`
	PerSec    float64 `json:"per_second"`
	// Of the same job with 10,000 tasks a stage, before; the median of the runs.
	SmallPerSec float64          `json:"per_second_of_10000"`
	Ratio       float64          `json:"ratio"`
	TotalMs     []float64        `json:"total_ms"`  // by stage, from its start until its total was known
	BesideMs    []float64        `json:"beside_ms"` // p50, p95 and most of jobs of n=10 submitted meanwhile
	Beside      int              `json:"concurrent"`
	StatusMs    float64          `json:"status_p95_ms"` // reading the job
	ListMs      float64          `json:"list_p95_ms"`   // reading the first page of jobs and their counts
	WALBytes    float64          `json:"wal_bytes_per_task"`
	PeakBytes   map[string]int64 `json:"peak_bytes,omitempty"`
}

// besideEvery is the pause between two small jobs that run concurrently with
// the large one.
const besideEvery = 2 * time.Second

// Million runs o.N tasks, o.N that follow them, and one that reads all results;
// first the same with 10,000.
func Million(ctx context.Context, o Options) (res MillionResult, err error) {
	err = withSystem(ctx, &o, func(s system) error {
		res = MillionResult{Mode: o.Mode, Processes: o.Processes, Tasks: 2*o.N + 1}

		db, err := openDatabase(ctx, s)
		if err != nil {
			return err
		}
		defer db.close()

		if res.SmallPerSec, err = small(ctx, s, db, o); err != nil {
			return err
		}

		before, err := db.usage(ctx, s)
		if err != nil {
			return err
		}

		begin := time.Now()

		id, err := s.submit(ctx, "million", fmt.Sprintf(`{"n":%d,"seed":1}`, o.N))
		if err != nil {
			return err
		}

		others, stop := context.WithCancel(ctx)
		group, groupCtx := errgroup.WithContext(others)
		group.Go(func() error { return res.probe(groupCtx, s, o) })
		group.Go(func() error { return res.reads(groupCtx, s, id) })
		group.Go(func() error { return res.totals(groupCtx, s, id) })

		err = s.wait(ctx, db, []state.JobID{id})
		wall := time.Since(begin)

		stop()

		if probed := group.Wait(); probed != nil && !errors.Is(probed, context.Canceled) {
			err = errors.Join(err, probed)
		}

		if err != nil {
			return err
		}

		after, err := db.usage(ctx, s)
		if err != nil {
			return err
		}

		res.Ms, res.PerSec = ms(wall), float64(res.Tasks)/wall.Seconds()
		res.Ratio = res.PerSec / res.SmallPerSec
		res.WALBytes = float64(after.minus(before).wal) / float64(res.Tasks)
		res.PeakBytes = peaks(s.processes())

		return db.completed(ctx, id)
	})

	return res, err
}

// small is the rate of the same job with 10,000 tasks a stage.
func small(ctx context.Context, s system, db *database, o Options) (float64, error) {
	n := min(o.N, 10_000)

	var walls []time.Duration

	for i := range o.Runs + 1 { // the first one warms up
		begin := time.Now()

		id, err := s.submit(ctx, "million", fmt.Sprintf(`{"n":%d,"seed":%d}`, n, 2+i))
		if err != nil {
			return 0, err
		}

		if err := s.wait(ctx, db, []state.JobID{id}); err != nil {
			return 0, err
		}

		if i > 0 {
			walls = append(walls, time.Since(begin))
		}
	}

	return float64(2*n+1) / median(walls).Seconds(), nil
}

// completed is an error unless the job ended well.
func (d *database) completed(ctx context.Context, id state.JobID) error {
	job, err := d.repo.ReadJob(ctx, id)
	if err != nil {
		return err
	}

	if job.Status != state.JobCompleted {
		return fmt.Errorf("the job ended as %s: %v", job.Status, job.Error)
	}

	return nil
}

// probe submits small jobs until ctx ends.
func (r *MillionResult) probe(ctx context.Context, s system, o Options) error {
	db, err := openDatabase(ctx, s)
	if err != nil {
		return err
	}
	defer db.close()

	var each []time.Duration

	err = every(ctx, min(besideEvery, 2*time.Duration(o.N)*time.Microsecond), func(i int) error {
		begin := time.Now()

		id, err := s.submit(ctx, "hello", `{"n":10,"message":"concurrent `+strconv.Itoa(i)+`"}`)
		if err != nil {
			return err
		}

		if err := s.wait(ctx, db, []state.JobID{id}); err != nil {
			return err
		}

		each = append(each, time.Since(begin))

		return nil
	})
	r.Beside = len(each)
	r.BesideMs = []float64{percentile(each, 50), percentile(each, 95), percentile(each, 100)}

	return err
}

// reads asks what people ask, until ctx ends.
func (r *MillionResult) reads(ctx context.Context, s system, id state.JobID) error {
	db, err := openDatabase(ctx, s)
	if err != nil {
		return err
	}
	defer db.close()

	var status, lists []time.Duration

	err = every(ctx, 200*time.Millisecond, func(int) error {
		begin := time.Now()

		if _, err := db.repo.ReadJob(ctx, id); err != nil {
			return err
		}

		status = append(status, time.Since(begin))
		begin = time.Now()

		if _, err := db.repo.ListJobs(ctx, view.JobFilter{Limit: 50}); err != nil {
			return err
		}

		if _, err := db.repo.JobCounts(ctx, view.JobFilter{}); err != nil {
			return err
		}

		lists = append(lists, time.Since(begin))

		return nil
	})
	r.StatusMs, r.ListMs = percentile(status, 95), percentile(lists, 95)

	return err
}

// totals finds out when each stage's total was known, until ctx ends.
func (r *MillionResult) totals(ctx context.Context, s system, id state.JobID) error {
	db, err := openDatabase(ctx, s)
	if err != nil {
		return err
	}
	defer db.close()

	var started []time.Time

	return every(ctx, 20*time.Millisecond, func(int) error {
		rows, err := db.conn.Query(ctx, stageTotals, id[:])
		if err != nil {
			return err
		}

		stages, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Started, Total bool }])
		if err != nil {
			return err
		}

		for i, stage := range stages {
			if stage.Started && len(started) == i {
				started = append(started, time.Now())
			}

			if stage.Total && len(started) == i+1 && len(r.TotalMs) == i {
				r.TotalMs = append(r.TotalMs, ms(time.Since(started[i])))
			}
		}

		return nil
	})
}

// every calls f at most so often until ctx ends; an error after that is none.
func every(ctx context.Context, pause time.Duration, f func(i int) error) error {
	tick := time.NewTicker(max(pause, time.Millisecond))
	defer tick.Stop()

	for i := 0; ; i++ {
		if err := f(i); err != nil {
			if ctx.Err() != nil {
				return nil
			}

			return err
		}

		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// rate is tasks a second of the median.
func rate(tasks int, walls []time.Duration) float64 {
	if len(walls) == 0 {
		return 0
	}

	return float64(tasks) / median(walls).Seconds()
}
