package engine

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strconv"
	"time"

	"coremachine/internal/state"
)

//go:embed queries/disk.sql
var diskText string

// Cost is what a task of a shape costs.
type Cost struct {
	Mode      string  `json:"mode"`
	Processes int     `json:"processes"`
	Shape     string  `json:"shape"`
	Load      string  `json:"load"`
	Tasks     int     `json:"tasks"` // of all runs
	PerSec    float64 `json:"per_second"`
	// CPU time for each task, in microseconds. 0: the system does not report it.
	ServerCPU float64 `json:"server_cpu_us"`
	OwnCPU    float64 `json:"own_cpu_us"` // without the stand-in of the host
	WALBytes  float64 `json:"wal_bytes"`
	DiskBytes float64 `json:"disk_bytes"` // tables and indexes
	Commits   float64 `json:"commits"`
}

// Shapes lists how tasks can be distributed over jobs and messages.
var Shapes = []string{"bundled", "small", "messages", "single"}

// costShape is the load of a shape with at most n tasks per stage, and what it
// is called.
func costShape(o Options, shape string) (Options, string, error) {
	n := o.N
	o.Workload, o.Jobs = "hello", 1

	switch shape {
	case "bundled":
		return o, fmt.Sprintf("one job of 2 × %d tasks, bundled", n), nil
	case "small":
		o.N, o.Jobs = 5, max(1, n/50)
		return o, fmt.Sprintf("%d jobs of 10 tasks", o.Jobs), nil
	case "messages":
		o.Workload, o.N = "unbundled", max(1, n/10)
		return o, fmt.Sprintf("one job of 2 × %d tasks, a message for each task", o.N), nil
	case "single":
		o.Workload, o.N, o.Jobs = "wide", 1, max(1, n/50)
		return o, fmt.Sprintf("%d jobs of one task", o.Jobs), nil
	}

	return o, "", state.Invalid("engine.Costs", "the shape is unknown", state.FieldError{
		Field: "shape", Message: fmt.Sprintf("%q is none of %v", shape, Shapes),
	})
}

// Costs measures what a task costs in each of these shapes, all on one system.
func Costs(ctx context.Context, o Options, shapes []string) (all []Cost, err error) {
	err = withSystem(ctx, &o, func(s system) error {
		db, err := openDatabase(ctx, s)
		if err != nil {
			return err
		}
		defer db.close()

		for _, shape := range shapes {
			load, text, err := costShape(o, shape)
			if err != nil {
				return err
			}

			c, err := cost(ctx, s, db, load)
			if err != nil {
				return err
			}

			c.Shape, c.Load = shape, text
			all = append(all, c)
		}

		return nil
	})

	return all, err
}

func cost(ctx context.Context, s system, db *database, o Options) (Cost, error) {
	res := Cost{Mode: o.Mode, Processes: o.Processes}

	for i := range max(1, o.Processes) {
		if _, _, _, err := workload(ctx, s, db, o, "warm"+strconv.Itoa(i)); err != nil {
			return res, err
		}
	}

	before, err := readSpent(ctx, s, db, o.Mode)
	if err != nil {
		return res, err
	}

	var walls []time.Duration

	tasks := 0 // of a run
	for i := range o.Runs {
		wall, _, n, err := workload(ctx, s, db, o, strconv.Itoa(i))
		if err != nil {
			return res, err
		}

		walls, tasks = append(walls, wall), n
	}

	after, err := readSpent(ctx, s, db, o.Mode)
	if err != nil {
		return res, err
	}

	res.Tasks, res.PerSec = tasks*o.Runs, rate(tasks, walls)
	used := after.usage.minus(before.usage)
	each := func(total float64) float64 { return total / float64(res.Tasks) }
	res.ServerCPU = each(float64((after.server - before.server).Microseconds()))
	res.OwnCPU = each(float64((after.own - before.own).Microseconds()))
	res.WALBytes, res.Commits = each(float64(used.wal)), each(float64(used.commits))
	res.DiskBytes = each(float64(after.disk - before.disk))

	return res, nil
}

// spent is what a system has used so far.
type spent struct {
	usage
	disk        int64
	server, own time.Duration
}

func readSpent(ctx context.Context, s system, db *database, mode string) (all spent, err error) {
	if all.usage, err = db.usage(ctx, s); err != nil {
		return all, err
	}

	var backend int
	if err := db.conn.QueryRow(ctx, diskText).Scan(&all.disk, &backend); err != nil {
		return all, err
	}

	all.server = serverCPU(backend)

	mine := s.processes()
	if mode == ModeWorker {
		mine = append(mine, process{kind: "submitter", pid: os.Getpid()})
	}

	for _, p := range mine {
		if t, ok := readTimes(p.pid); ok && p.kind != "host" {
			all.own += t.self
		}
	}

	return all, nil
}
