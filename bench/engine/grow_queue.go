package engine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/clock"
	"coremachine/internal/state"
)

var (
	//go:embed queries/fill_queue_jobs.sql
	fillQueueJobs string
	//go:embed queries/fill_queue_stages.sql
	fillQueueStages string
	//go:embed queries/fill_queue_messages.sql
	fillQueueMessages string
	//go:embed queries/queue_done.sql
	queueDone string
)

// grownQueue compares how fast the first o.N messages of a deep queue are
// processed with a queue that contains only these. Each message is one task.
// Every measurement has a system of its own, because a queue that was deep has
// dead rows.
func grownQueue(ctx context.Context, o Options, deep int) ([]Growth, error) {
	res := Growth{
		Size: deep, Runs: o.Runs, Load: fmt.Sprintf("the first %d messages of one task", min(o.N, deep)),
	}
	o.N = min(o.N, deep)

	var rates [2][]float64 // of tasks a second

	for round := range o.Runs + 1 { // the first one warms up
		for side, depth := range []int{o.N, deep} {
			perSec, filled, err := drain(ctx, o, depth)
			if err != nil {
				return nil, err
			}

			res.FillMs += ms(filled)

			if round > 0 {
				rates[side] = append(rates[side], perSec)
			}
		}
	}

	res.PerSec, res.Other = middle(rates[0]), middle(rates[1])
	res.Ratio = res.Other / res.PerSec

	return []Growth{res}, nil
}

// queueJob is the number of messages of a job.
const queueJob = 1000

// drain fills a queue in one transaction, so that processing starts with the
// commit, and returns the rate at which the first o.N tasks complete.
func drain(ctx context.Context, o Options, depth int) (perSec float64, filled time.Duration, err error) {
	each := min(queueJob, depth)
	jobs := (depth + each - 1) / each

	err = withSystem(ctx, &o, func(s system) error {
		e, ok := s.(*engine)
		if !ok {
			return errors.New("queues are measured in engine mode only")
		}

		db, err := openDatabase(ctx, s)
		if err != nil {
			return err
		}
		defer db.close()

		warm := o

		warm.Workload, warm.N, warm.Jobs = "wide", min(o.N, warmTasks), 1
		if _, _, _, err := workload(ctx, s, db, warm, "warm"); err != nil {
			return err
		}

		var warmed int
		if err := db.conn.QueryRow(ctx, queueDone).Scan(&warmed); err != nil {
			return err
		}

		begin := time.Now()

		if err := e.fillQueue(ctx, jobs, each); err != nil {
			return err
		}

		filled = time.Since(begin)
		begin = time.Now()

		e.queue.Wake(state.QueueTasks)

		// The statement reads a row for each job, and a deep queue has more of
		// them. The rate counts what is done when the statement runs, so the
		// interval between two of them does not matter.
		for done := warmed; done-warmed < o.N; {
			if !clock.Sleep(ctx, 20*time.Millisecond) {
				return ctx.Err()
			}

			if err := db.conn.QueryRow(ctx, queueDone).Scan(&done); err != nil {
				return err
			}

			perSec = float64(done-warmed) / time.Since(begin).Seconds()
		}

		return nil
	})

	return perSec, filled, err
}

func (e *engine) fillQueue(ctx context.Context, jobs, each int) (err error) {
	conn, err := pgx.Connect(ctx, e.address()) // no limit of time: each statement makes many rows
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()

	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, text := range []string{fillQueueJobs, fillQueueStages, fillQueueMessages} {
			if _, err := tx.Exec(ctx, text, jobs, each); err != nil {
				return err
			}
		}

		// What filling wrote must not be on its way to the disk later.
		return e.exec(ctx, "checkpoint")
	})
}
