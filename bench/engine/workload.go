package engine

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
)

const (
	singles    = 50 // jobs one after the other, or submits
	submitters = 64 // goroutines that submit jobs concurrently
)

// workload runs one round: it returns the time, that of each job or submit, and
// the tasks done.
func workload(
	ctx context.Context,
	s system,
	db *database,
	o Options,
	round string,
) (wall time.Duration, each []time.Duration, tasks int, err error) {
	begin := time.Now()

	switch o.Workload {
	case "latency":
		for i := range singles {
			start := time.Now()

			id, err := s.submit(ctx, "hello", fmt.Sprintf(`{"n":1,"message":"%s-%d"}`, round, i))
			if err != nil {
				return 0, nil, 0, err
			}

			if err := s.wait(ctx, db, []state.JobID{id}); err != nil {
				return 0, nil, 0, err
			}

			each = append(each, time.Since(start))
		}

		return time.Since(begin), each, 2 * singles, nil
	case "submit":
		var ids []state.JobID

		for i := range singles {
			start := time.Now()

			id, err := s.submit(ctx, "hello", fmt.Sprintf(`{"n":1,"message":"s%s-%d"}`, round, i))
			if err != nil {
				return 0, nil, 0, err
			}

			each, ids = append(each, time.Since(start)), append(ids, id)
		}

		wall = time.Since(begin)

		return wall, each, singles, s.wait(ctx, db, ids) // the next round must not pay for these jobs
	}

	ids, group := make([]state.JobID, o.Jobs), new(errgroup.Group)
	group.SetLimit(submitters)

	for i := range ids {
		group.Go(func() (err error) {
			ids[i], err = s.submit(ctx, jobType(o.Workload), params(o, round, i))
			return err
		})
	}

	if err := group.Wait(); err != nil {
		return 0, nil, 0, err
	}

	if err := s.wait(ctx, db, ids); err != nil {
		return 0, nil, 0, err
	}

	wall = time.Since(begin)
	each, err = db.took(ctx, ids)

	return wall, each, o.Jobs * tasksOf(o), err
}

func jobType(workload string) string {
	if workload == "unbundled" {
		return "hello_one"
	}

	return workload
}

func params(o Options, round string, i int) string {
	switch o.Workload {
	case "hello", "unbundled":
		return fmt.Sprintf(`{"n":%d,"message":"%s-%d"}`, o.N, round, i)
	case "deep":
		return fmt.Sprintf(`{"seed":%d}`, seed(round, i))
	}

	return fmt.Sprintf(`{"n":%d,"seed":%d}`, o.N, seed(round, i))
}

// seed makes jobs of different rounds different jobs.
func seed(round string, i int) int {
	n := i
	for _, c := range round {
		n = n*31 + int(c)*1000
	}

	return n
}

func tasksOf(o Options) int {
	switch o.Workload {
	case "hello", "unbundled":
		return 2 * o.N
	case "deep":
		return len(fixtures.Jobs()["deep"].Stages())
	case "fanin":
		return o.N + 1
	}

	return o.N
}
