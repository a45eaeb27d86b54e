package engine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"coremachine/internal/coremachine"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
)

//go:embed queries/filled.sql
var filledText string

// AgedResult compares rates of the same work, in tasks a second.
type AgedResult struct {
	Against  string  `json:"against"` // what the other side had to bear
	N        int     `json:"n"`
	Jobs     int     `json:"jobs"`
	Runs     int     `json:"runs"`       // of the other side
	PerSec   float64 `json:"per_second"` // with nothing else in the database
	Other    float64 `json:"per_second_other"`
	Ratio    float64 `json:"ratio"`
	Finished int     `json:"finished_tasks"`
	FillMs   float64 `json:"fill_ms"`
	PurgeMs  float64 `json:"purge_ms,omitempty"`
}

// shape is one kind of load on an aged database.
type shape struct{ n, jobs int }

func (s shape) String() string {
	if s.jobs == 1 {
		return fmt.Sprintf("n=%d", s.n)
	}

	return fmt.Sprintf("%d jobs of n=%d", s.jobs, s.n)
}

// agedShapes are those of the comparison; less for tests.
func agedShapes(n int) []shape { return []shape{{min(n, 10_000), 1}, {min(n, 10), min(n/10, 100)}} }

// Aged compares an empty database with one that contains the given number of
// finished tasks. One run measures both in turn.
func Aged(ctx context.Context, o Options, finished int) (all []AgedResult, err error) {
	o.Workload = "hello"
	err = withSystem(ctx, &o, func(empty system) error {
		return withSystem(ctx, &o, func(aged system) error {
			begin := time.Now()

			if err := fill(ctx, aged.address(), finished, 0); err != nil {
				return err
			}

			took := time.Since(begin)

			for _, sh := range agedShapes(o.N) {
				r, err := compare(ctx, o, sh, empty, aged)
				if err != nil {
					return err
				}

				r.Finished, r.FillMs = finished, ms(took)
				all = append(all, r)
			}

			return nil
		})
	})

	return all, err
}

func compare(ctx context.Context, o Options, sh shape, systems ...system) (AgedResult, error) {
	o.N, o.Jobs = sh.n, sh.jobs

	// Many small jobs are in as many places of the indexes. Each process of the
	// server has to reach a page once before it does so fast, and the log has to
	// contain it once. So as many rounds warm up as a round has jobs.
	warm := sh.jobs

	walls, tasks := make([][]time.Duration, len(systems)), 0
	for round := range warm + o.Runs {
		for i, s := range systems {
			wall, n, err := once(ctx, s, o, fmt.Sprintf("%d %d", sh.jobs, round))
			if err != nil {
				return AgedResult{}, err
			}

			if round >= warm {
				walls[i], tasks = append(walls[i], wall), n
			}
		}
	}

	r := AgedResult{
		Against: "finished tasks",
		N:       sh.n,
		Jobs:    sh.jobs,
		Runs:    o.Runs,
		PerSec:  rate(tasks, walls[0]),
		Other:   rate(tasks, walls[1]),
	}
	r.Ratio = r.Other / r.PerSec

	return r, nil
}

func once(ctx context.Context, s system, o Options, round string) (time.Duration, int, error) {
	db, err := openDatabase(ctx, s)
	if err != nil {
		return 0, 0, err
	}
	defer db.close()

	wall, _, tasks, err := workload(ctx, s, db, o, round)

	return wall, tasks, err
}

// retained is how long ended jobs are kept here; the filled ones are older.
const retained = time.Hour

// Retention measures the rate while retention deletes the given number of
// finished tasks. It compares this rate with the rates before and after.
func Retention(ctx context.Context, o Options, finished int) (res AgedResult, err error) {
	o.Workload, o.Jobs = "hello", 1
	err = withSystem(ctx, &o, func(s system) error {
		begin := time.Now()

		if err := fill(ctx, s.address(), finished, 2*retained); err != nil {
			return err
		}

		res = AgedResult{
			Against:  "retention",
			N:        o.N,
			Jobs:     1,
			Finished: finished,
			FillMs:   ms(time.Since(begin)),
		}

		var alone, meanwhile []time.Duration

		run := func(into *[]time.Duration, round string) error {
			wall, tasks, err := once(ctx, s, o, round)
			if err != nil {
				return err
			}

			*into = append(*into, wall)
			res.PerSec, res.Other = rate(tasks, alone), rate(tasks, meanwhile)

			return nil
		}
		for i := range o.Runs {
			if err := run(&alone, "before "+strconv.Itoa(i)); err != nil {
				return err
			}
		}

		purge, done := new(errgroup.Group), make(chan struct{})
		begin = time.Now()

		purge.Go(func() error {
			defer close(done)
			return purgeAll(ctx, s, o)
		})

		for i := 0; !closed(done); i++ {
			if err := run(&meanwhile, "meanwhile "+strconv.Itoa(i)); err != nil {
				return errors.Join(err, purge.Wait())
			}

			if closed(done) && len(meanwhile) > 1 {
				meanwhile = meanwhile[:len(meanwhile)-1] // part of it ran alone
			}

			res.PurgeMs = ms(time.Since(begin))
		}

		if err := purge.Wait(); err != nil {
			return err
		}

		for i := range o.Runs {
			if err := run(&alone, "after "+strconv.Itoa(i)); err != nil {
				return err
			}
		}

		res.Runs, res.Ratio = len(meanwhile), res.Other/res.PerSec

		return nil
	})

	return res, err
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// purgeAll sweeps until nothing is left that is past its retention.
func purgeAll(ctx context.Context, s system, o Options) error {
	r, err := repo.Open(ctx, repo.Config{URL: s.address(), MaxConns: 2})
	if err != nil {
		return err
	}
	defer r.Close()

	q := pgqueue.Over(r.Database(), pgqueue.Options{Log: o.Log})
	defer q.Close()

	machine := coremachine.New(coremachine.Config{
		Jobs:      fixtures.Jobs(),
		Handlers:  fixtures.Handlers(),
		Store:     r,
		Log:       o.Log,
		Wake:      q.Wake,
		JobEnded:  func(state.JobID) {},
		Build:     "bench",
		Retention: retained,
	})
	for {
		found, err := machine.Sweep(ctx)
		if err != nil {
			return err
		}

		var left int
		if err := r.Pool().QueryRow(ctx, filledText).Scan(&left); err != nil {
			return err
		}

		if left == 0 && found.Purged == 0 {
			return nil
		}
	}
}
