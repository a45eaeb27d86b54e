package engine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"coremachine/internal/coremachine"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
)

var (
	//go:embed queries/fill_history.sql
	fillHistory string
	//go:embed queries/fill_generations.sql
	fillGenerations string
	//go:embed queries/raise_generations.sql
	raiseGenerations string
	//go:embed queries/declared.sql
	declaredText string
)

// Conditions lists what a database can contain while Grow measures.
var Conditions = []string{"tasks", "jobs", "queue", "schedules", "generations"}

// Sizes says how much of each condition there is.
type Sizes struct {
	Tasks       int // finished tasks
	Jobs        int // finished jobs with tags and events
	Queue       int // messages in the queue
	Schedules   int
	Generations int // earlier generations of the jobs that run again
}

// Growth compares rates of the same work with and without a condition, in tasks
// a second.
type Growth struct {
	Condition string  `json:"condition"`
	Size      int     `json:"size"`
	Load      string  `json:"load"`
	Runs      int     `json:"runs"`
	PerSec    float64 `json:"per_second"` // without the condition
	Other     float64 `json:"per_second_with"`
	Ratio     float64 `json:"ratio"`
	FillMs    float64 `json:"fill_ms"` // time to create the condition, all runs
}

// Grow measures each of these conditions in turn with an empty database, in
// engine mode. It reports each result as soon as it is known.
func Grow(
	ctx context.Context, o Options, sizes Sizes, conditions []string, report func(Growth),
) (all []Growth, err error) {
	o.Workload, o.Mode = "hello", ModeEngine

	for _, condition := range conditions {
		var some []Growth

		switch condition {
		case "tasks":
			some, err = grown(ctx, o, sizes.Tasks, nil, func(s system) error {
				return fill(ctx, s.address(), sizes.Tasks, 0)
			})
		case "jobs":
			some, err = grown(ctx, o, sizes.Jobs, nil, func(s system) error {
				return fillEnded(ctx, s.address(), sizes.Jobs)
			})
		case "queue":
			some, err = grownQueue(ctx, o, sizes.Queue)
		case "schedules":
			some, err = grown(ctx, o, sizes.Schedules, func(c *coremachine.Config) {
				c.Schedules = yearly(sizes.Schedules)
			}, func(s system) error { return untilDeclared(ctx, s, sizes.Schedules) })
		case "generations":
			some, err = grownGenerations(ctx, o, sizes.Generations)
		default:
			err = state.Invalid("engine.Grow", "the condition is unknown", state.FieldError{
				Field: "condition", Message: fmt.Sprintf("%q is none of %v", condition, Conditions),
			})
		}

		if err != nil {
			return nil, fmt.Errorf("%s: %w", condition, err)
		}

		for i := range some {
			some[i].Condition = condition
			report(some[i])
		}

		all = append(all, some...)
	}

	return all, nil
}

// grown compares an empty system with one that has another configuration and
// content.
func grown(
	ctx context.Context, o Options, size int, config func(*coremachine.Config), content func(system) error,
) (all []Growth, err error) {
	other := o
	other.config = config

	err = withSystem(ctx, &o, func(empty system) error {
		return withSystem(ctx, &other, func(full system) error {
			begin := time.Now()

			if err := content(full); err != nil {
				return err
			}

			took := time.Since(begin)

			for _, sh := range agedShapes(o.N) {
				r, err := compare(ctx, o, sh, empty, full)
				if err != nil {
					return err
				}

				all = append(all, Growth{
					Size: size, Load: sh.String(), Runs: r.Runs,
					PerSec: r.PerSec, Other: r.Other, Ratio: r.Ratio, FillMs: ms(took),
				})
			}

			return nil
		})
	})

	return all, err
}

// fillEnded creates ended jobs with tags, stages and events.
func fillEnded(ctx context.Context, address string, jobs int) (err error) {
	if err := fillWithTags(ctx, address, jobs, time.Now()); err != nil {
		return err
	}

	conn, err := pgx.Connect(ctx, address) // no limit of time: each statement makes many rows
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()

	for from := 1; from <= jobs; from += tagBatch {
		if _, err := conn.Exec(ctx, fillHistory, from, min(jobs, from+tagBatch-1)); err != nil {
			return err
		}
	}

	for _, text := range []string{"vacuum (analyze) stages", "vacuum (analyze) events"} {
		if _, err := conn.Exec(ctx, text); err != nil {
			return err
		}
	}

	return nil
}

// yearly returns schedules that start no job during a measurement.
func yearly(n int) map[string]define.Schedule {
	month := time.Now().UTC().AddDate(0, 6, 0).Month()
	all := make(map[string]define.Schedule, n)

	for i := range n {
		name := fmt.Sprintf("schedule_%d", i)
		all[name] = define.Every(
			fmt.Sprintf("0 0 1 %d *", int(month)), "UTC", fixtures.Jobs()["wide"], fixtures.WideParams{N: 1, Seed: i},
		)
	}

	return all
}

func untilDeclared(ctx context.Context, s system, schedules int) error {
	db, err := openDatabase(ctx, s)
	if err != nil {
		return err
	}
	defer db.close()

	return until(ctx, func() (bool, error) {
		var n int

		err := db.conn.QueryRow(ctx, declaredText).Scan(&n)

		return n >= schedules, err
	})
}

// grownGenerations compares the second generation of jobs with one that follows
// many others, whose rows are still there.
func grownGenerations(ctx context.Context, o Options, generations int) (all []Growth, err error) {
	// The sweep deletes rows of past generations. It runs once at the start.
	o.config = func(c *coremachine.Config) { c.SweepEvery = 24 * time.Hour }
	err = withSystem(ctx, &o, func(s system) error {
		for _, sh := range agedShapes(o.N) {
			r, err := compareGenerations(ctx, o, s, sh, generations)
			if err != nil {
				return err
			}

			all = append(all, r)
		}

		return nil
	})

	return all, err
}

func compareGenerations(ctx context.Context, o Options, s system, sh shape, generations int) (Growth, error) {
	o.N, o.Jobs = sh.n, sh.jobs
	res := Growth{Size: generations, Load: sh.String() + ", run again", Runs: o.Runs}

	db, err := openDatabase(ctx, s)
	if err != nil {
		return res, err
	}
	defer db.close()

	e, ok := s.(*engine)
	if !ok {
		return res, errors.New("generations are measured in engine mode only")
	}

	begin := time.Now()

	old, err := e.runJobs(ctx, db, o, "old", false)
	if err != nil {
		return res, err
	}

	for _, text := range []string{fillGenerations, raiseGenerations} {
		if err := e.exec(ctx, text, keys(old), generations); err != nil {
			return res, err
		}
	}

	if err := e.exec(ctx, settle); err != nil {
		return res, err
	}

	res.FillMs = ms(time.Since(begin))

	var young, aged []time.Duration

	for round := range o.Runs + 1 { // the first one warms up
		name := fmt.Sprintf("young %d", round)
		if _, err := e.runJobs(ctx, db, o, name, false); err != nil {
			return res, err
		}

		for _, side := range []struct {
			name string
			into *[]time.Duration
		}{{name, &young}, {"old", &aged}} {
			begin := time.Now()

			if _, err := e.runJobs(ctx, db, o, side.name, true); err != nil {
				return res, err
			}

			if round > 0 {
				*side.into = append(*side.into, time.Since(begin))
			}
		}
	}

	tasks := o.Jobs * tasksOf(o)
	res.PerSec, res.Other = rate(tasks, young), rate(tasks, aged)
	res.Ratio = res.Other / res.PerSec

	return res, nil
}

// runJobs runs the jobs of a round, for the first time or again.
func (e *engine) runJobs(
	ctx context.Context, db *database, o Options, round string, again bool,
) ([]state.JobID, error) {
	ids, group := make([]state.JobID, o.Jobs), new(errgroup.Group)
	group.SetLimit(submitters)

	for i := range ids {
		group.Go(func() error {
			res, err := e.machine.Submit(ctx, coremachine.SubmitRequest{
				Type: o.Workload, Body: []byte(params(o, round, i)), Rerun: again,
			})
			ids[i] = res.JobID

			return err
		})
	}

	if err := group.Wait(); err != nil {
		return nil, err
	}

	if err := e.wait(ctx, db, ids); err != nil {
		return nil, err
	}

	left, err := db.open(ctx, ids)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d jobs were reported as ended and are open", len(left))
	}

	return ids, err
}

// exec runs a statement without a limit of time.
func (e *engine) exec(ctx context.Context, text string, args ...any) (err error) {
	conn, err := pgx.Connect(ctx, e.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()

	_, err = conn.Exec(ctx, text, args...)

	return err
}
