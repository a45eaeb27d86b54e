// Command river measures River (OSS) on the two-stage greeting.
//
// River has no barrier, so this program implements one in two ways. With the
// durable barrier, each task stores a result row. One poller for all runs
// checks every 5 ms which stage is complete. In one transaction, it advances
// the run by a guarded UPDATE and inserts the next stage's jobs. The other
// barrier counts in memory and would not survive a crash. It shows the best
// result that River can reach.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"golang.org/x/sync/errgroup"

	"coremachine/bench/peer"
)

var (
	//go:embed queries/schema.sql
	schemaText string
	//go:embed queries/begin.sql
	beginText string
	//go:embed queries/result.sql
	resultText string
	//go:embed queries/read.sql
	readText string
)

const (
	workers = 1000
	conns   = 20
)

func main() {
	defaults := fmt.Sprintf(
		"defaults (cooldown 100 ms, poll 1 s), %d workers, %d connections",
		workers,
		conns,
	)
	tuned := fmt.Sprintf(
		"cooldown 2 ms, poll 20 ms, COPY inserts, %d workers, %d connections",
		workers,
		conns,
	)
	peer.Main("River 0.51.2", []peer.Variant{
		{Name: "durable", Settings: "durable barrier, " + defaults, Start: starter(true, false), Joins: true},
		{Name: "durable-tuned", Settings: "durable barrier, " + tuned, Start: starter(true, true), Joins: true},
		{Name: "counted", Settings: "in-process barrier, " + defaults, Start: starter(false, false)},
		{Name: "counted-tuned", Settings: "in-process barrier, " + tuned, Start: starter(false, true)},
	})
}

// engine is River in this process.
type engine struct {
	pool    *pgxpool.Pool
	client  *river.Client[pgx.Tx]
	tuned   bool
	barrier barrier

	next atomic.Int64
	mu   sync.Mutex
	ends map[int64]chan struct{}
}

// barrier advances runs.
type barrier interface {
	done(ctx context.Context, a args) error // the result of a task is stored
	stop()
}

// args are the arguments of a task.
type args struct {
	Run   int64 `json:"run"`
	Stage int   `json:"stage"`
	Index int   `json:"index"`
	N     int   `json:"n"`
}

// Kind returns River's name of the job.
func (args) Kind() string { return "greeting" }

type worker struct {
	river.WorkerDefaults[args]
	engine *engine
}

// Work runs one task.
func (w *worker) Work(ctx context.Context, job *river.Job[args]) error {
	a, result := job.Args, peer.Greeting(job.Args.Index)
	if a.Stage == 1 {
		var greeting string
		if err := w.engine.pool.QueryRow(ctx, readText, a.Run, 0, a.Index).Scan(&greeting); err != nil {
			return err
		}
		result = peer.Reply(greeting)
	}
	if _, err := w.engine.pool.Exec(ctx, resultText, a.Run, a.Stage, a.Index, result); err != nil {
		return err
	}
	return w.engine.barrier.done(ctx, a)
}

func starter(durable, tuned bool) func(context.Context, peer.Place) (peer.Engine, error) {
	return func(ctx context.Context, at peer.Place) (peer.Engine, error) {
		cfg, err := pgxpool.ParseConfig(at.Address)
		if err != nil {
			return nil, err
		}
		cfg.MaxConns = int32(at.Share(conns)) //nolint:gosec // at most conns
		pool, err := pgxpool.NewWithConfig(ctx, cfg)
		if err != nil {
			return nil, err
		}
		e := &engine{pool: pool, tuned: tuned, ends: map[int64]chan struct{}{}}
		if err := e.start(ctx, at, durable); err != nil {
			pool.Close()
			return nil, err
		}
		return e, nil
	}
}

func (e *engine) start(ctx context.Context, at peer.Place, durable bool) (err error) {
	driver := riverpgxv5.New(e.pool)
	if !at.Joined {
		if err := e.migrate(ctx, driver); err != nil {
			return err
		}
	}
	all := river.NewWorkers()
	river.AddWorker(all, &worker{engine: e})
	cfg := &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: at.Share(workers)}},
		Workers: all,
		Logger:  slog.New(slog.DiscardHandler),
	}
	if e.tuned {
		cfg.FetchCooldown, cfg.FetchPollInterval = 2*time.Millisecond, 20*time.Millisecond
	}
	if e.client, err = river.NewClient(driver, cfg); err != nil {
		return err
	}
	switch {
	case at.Joined:
		e.barrier = elsewhere{}
	case durable:
		e.barrier = startPoller(ctx, e)
	default:
		e.barrier = &counter{engine: e, left: map[int64]int{}}
	}
	return e.client.Start(context.WithoutCancel(ctx))
}

func (e *engine) migrate(ctx context.Context, driver *riverpgxv5.Driver) error {
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	_, err = e.pool.Exec(ctx, schemaText)
	return err
}

// Stop stops River. No jobs are left at that time.
func (e *engine) Stop(ctx context.Context) error {
	err := e.client.StopAndCancel(ctx)
	e.barrier.stop()
	e.pool.Close()
	return err
}

// Run starts one run for each name and waits until all have ended.
func (e *engine) Run(ctx context.Context, names []string, n int) ([]string, error) {
	runs, group := make([]int64, len(names)), new(errgroup.Group)
	group.SetLimit(16)
	for i := range names {
		runs[i] = e.next.Add(1)
		e.mu.Lock()
		e.ends[runs[i]] = make(chan struct{})
		e.mu.Unlock()
		group.Go(func() error { return e.begin(ctx, runs[i], n) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	last := make([]string, len(names))
	for i, run := range runs {
		e.mu.Lock()
		end := e.ends[run]
		e.mu.Unlock()
		select {
		case <-end:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err := e.pool.QueryRow(ctx, readText, run, 1, n-1).Scan(&last[i]); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func (e *engine) ended(run int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.ends[run])
}

func (e *engine) begin(ctx context.Context, run int64, n int) error {
	tx, err := e.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // no effect after a commit
	if _, err := tx.Exec(ctx, beginText, run, n); err != nil {
		return err
	}
	if err := e.insert(ctx, tx, run, 0, n); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// insert inserts a stage's jobs.
func (e *engine) insert(ctx context.Context, tx pgx.Tx, run int64, stage, n int) error {
	const batch = 5000
	for low := 0; low < n; low += batch {
		var jobs []river.InsertManyParams
		for i := low; i < min(n, low+batch); i++ {
			jobs = append(jobs, river.InsertManyParams{Args: args{Run: run, Stage: stage, Index: i, N: n}})
		}
		var err error
		if e.tuned {
			_, err = e.client.InsertManyFastTx(ctx, tx, jobs)
		} else {
			_, err = e.client.InsertManyTx(ctx, tx, jobs)
		}
		if err != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	return nil
}
