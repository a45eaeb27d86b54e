package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/repo"
	"coremachine/internal/state"
)

// Options say what to measure.
type Options struct {
	URL      string // a database; a schema of its own is made in it
	Workload string // see Workloads
	N        int    // tasks a stage
	Jobs     int    // jobs at once
	Runs     int    // of each, interleaved; the median counts
	Log      *slog.Logger
}

// Workloads lists what can be measured.
var Workloads = []string{"hello", "wide", "deep", "fanin", "latency", "submit"}

// Result is a measurement. Times are in milliseconds.
type Result struct {
	Workload string  `json:"workload"`
	N        int     `json:"n"`
	Jobs     int     `json:"jobs"`
	Tasks    int     `json:"tasks"`
	Runs     int     `json:"runs"`
	Ms       float64 `json:"ms"` // median of a run
	PerSec   float64 `json:"per_second"`
	P50Ms    float64 `json:"p50_ms,omitempty"` // of single jobs, or submits
	P99Ms    float64 `json:"p99_ms,omitempty"`
	FloorMs  float64 `json:"floor_ms,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"` // of the floor's rate
	WALBytes float64 `json:"wal_bytes_per_task"`
	Commits  float64 `json:"commits_per_task"`
}

// Run measures one workload beside the floor.
func Run(ctx context.Context, o Options) (res Result, err error) {
	if !slices.Contains(Workloads, o.Workload) {
		return res, state.Invalid("bench.Run", "the workload is unknown", state.FieldError{
			Field: "workload", Message: fmt.Sprintf("%q is none of %v", o.Workload, Workloads),
		})
	}
	schema := fmt.Sprintf("bench_%d", time.Now().UnixNano())
	admin, err := pgx.Connect(ctx, o.URL)
	if err != nil {
		return res, err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	if _, err := admin.Exec(ctx, "create schema "+schema); err != nil {
		return res, err
	}
	defer func() {
		if _, e := admin.Exec(context.WithoutCancel(ctx), "drop schema "+schema+" cascade"); err == nil {
			err = e
		}
	}()
	address, err := within(o.URL, schema)
	if err != nil {
		return res, err
	}
	if err := repo.Migrate(ctx, address); err != nil {
		return res, err
	}
	e, err := startEngine(ctx, address, o.Log)
	if err != nil {
		return res, err
	}
	defer e.stop()
	return measure(ctx, o, e)
}

// within is the same database with a schema first on its search path.
func within(address, schema string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", state.Errorf(state.CodeInvalid, "bench.Run", "the database URL cannot be read")
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func measure(ctx context.Context, o Options, e *engine) (Result, error) {
	res := Result{Workload: o.Workload, N: o.N, Jobs: o.Jobs, Runs: o.Runs}
	var walls, floors []time.Duration
	var singles []time.Duration
	if _, _, _, err := e.workload(ctx, o, "warm"); err != nil { // connections, prepared statements
		return res, err
	}
	for i := range o.Runs {
		before, err := e.usage(ctx)
		if err != nil {
			return res, err
		}
		wall, each, tasks, err := e.workload(ctx, o, strconv.Itoa(i))
		if err != nil {
			return res, err
		}
		after, err := e.usage(ctx)
		if err != nil {
			return res, err
		}
		walls, singles, res.Tasks = append(walls, wall), append(singles, each...), tasks
		res.WALBytes = float64(after.wal-before.wal) / float64(tasks)
		res.Commits = float64(after.commits-before.commits) / float64(tasks)
		if stages := floorStages(o.Workload); stages > 0 {
			took, err := e.floor(ctx, i, stages*o.Jobs, o.N)
			if err != nil {
				return res, err
			}
			floors = append(floors, took)
		}
	}
	wall := median(walls)
	res.Ms, res.PerSec = ms(wall), float64(res.Tasks)/wall.Seconds()
	if len(singles) > 0 {
		slices.Sort(singles)
		res.P50Ms, res.P99Ms = ms(singles[len(singles)/2]), ms(singles[len(singles)*99/100])
	}
	if len(floors) > 0 {
		res.FloorMs = ms(median(floors))
		res.Ratio = res.FloorMs / res.Ms
	}
	return res, nil
}

// floorStages is how many stages of n tasks a job of a workload has; 0: the floor has nothing to say.
func floorStages(workload string) int {
	switch workload {
	case "hello":
		return 2
	case "wide", "fanin":
		return 1
	}
	return 0
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
