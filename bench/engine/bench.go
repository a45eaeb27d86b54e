package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
)

// Modes.
const (
	ModeEngine    = "engine"    // in this process
	ModeWorker    = "worker"    // plain worker processes
	ModeFunctions = "functions" // a handler process under a host process, each call over TCP
)

// Options say what to measure.
type Options struct {
	URL      string // a database; a schema of its own is made in it
	Workload string // see Workloads
	N        int    // tasks a stage
	Jobs     int    // concurrent jobs
	Runs     int    // of each, interleaved; the median counts
	Mode     string // "": ModeEngine
	// messages go over the stand-in of Service Bus, in this process, instead of
	// over Postgres
	ServiceBus bool
	Processes  int // workers, or handlers; 0: 1
	Program    Program
	Log        *slog.Logger

	config func(*coremachine.Config) // changes the engine of ModeEngine; can be nil
}

// Program is how this program's own processes are started. They end when their
// standard input does.
type Program struct {
	Worker func() *exec.Cmd // a plain worker with Jobs and Handlers
	Host   func() *exec.Cmd // a host over such a handler; it prints a Hosted when it is ready
}

// Hosted is what a host prints about itself.
type Hosted struct {
	API        string `json:"api"`
	HandlerPID int    `json:"handler_pid"`
}

// Jobs and Handlers are what the benchmarks' processes run.
func Jobs() map[string]define.Job { return fixtures.Jobs() }

// Handlers are those of Jobs.
func Handlers() map[string]handlers.Handler { return fixtures.Handlers() }

// Workloads lists what can be measured.
var Workloads = []string{"hello", "unbundled", "wide", "deep", "fanin", "latency", "submit"}

// Result is a measurement. Times are in milliseconds.
type Result struct {
	Workload  string  `json:"workload"`
	Mode      string  `json:"mode"`
	Transport string  `json:"transport"`
	Processes int     `json:"processes"`
	N         int     `json:"n"`
	Jobs      int     `json:"jobs"`
	Tasks     int     `json:"tasks"`
	Runs      int     `json:"runs"`
	Ms        float64 `json:"ms"` // median of a run
	PerSec    float64 `json:"per_second"`
	P50Ms     float64 `json:"p50_ms"` // of a job, or a submit
	P95Ms     float64 `json:"p95_ms"`
	P99Ms     float64 `json:"p99_ms"`
	FloorMs   float64 `json:"floor_ms,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"` // of the floor's rate
	WALBytes  float64 `json:"wal_bytes_per_task"`
	Commits   float64 `json:"commits_per_task"` // that wrote something
	// Engine mode only: other processes are not seen into.
	Statements float64 `json:"statements_per_task,omitempty"`
	// Resident, by kind of process, the largest of each.
	PeakBytes map[string]int64 `json:"peak_bytes,omitempty"`
}

// Run measures one workload and the floor.
func Run(ctx context.Context, o Options) (res Result, err error) {
	if !slices.Contains(Workloads, o.Workload) {
		return res, state.Invalid("engine.Run", "the workload is unknown", state.FieldError{
			Field: "workload", Message: fmt.Sprintf("%q is none of %v", o.Workload, Workloads),
		})
	}

	err = withSystem(ctx, &o, func(s system) error {
		res, err = measure(ctx, o, s)
		return err
	})

	return res, err
}

// withSystem makes a schema and starts what o says on it.
func withSystem(ctx context.Context, o *Options, use func(s system) error) (err error) {
	if o.Mode == "" {
		o.Mode = ModeEngine
	}

	o.Processes = max(o.Processes, 1)

	return withSchema(ctx, o.URL, func(address string) (err error) {
		if err := repo.Migrate(ctx, address); err != nil {
			return err
		}

		if o.Mode != ModeEngine {
			if err := announceEnds(ctx, address); err != nil {
				return err
			}
		}

		s, err := start(ctx, *o, address)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()

		return use(s)
	})
}

// withSchema makes a schema for the time of a call.
func withSchema(ctx context.Context, database string, use func(address string) error) (err error) {
	schema := fmt.Sprintf("bench_%d", time.Now().UnixNano())

	admin, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}

	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()

	if _, err := admin.Exec(ctx, "create schema "+schema); err != nil {
		return err
	}

	defer func() {
		_, dropped := admin.Exec(context.WithoutCancel(ctx), "drop schema "+schema+" cascade")
		err = errors.Join(err, dropped)
	}()

	address, err := within(database, schema)
	if err != nil {
		return err
	}

	return use(address)
}

// within is the same database with a schema first on its search path.
func within(address, schema string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", state.Errorf(state.CodeInvalid, "engine.Run", "the database URL cannot be read")
	}

	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()

	return u.String(), nil
}

// measure runs the workload and the floor in turn.
func measure(ctx context.Context, o Options, s system) (Result, error) {
	res := Result{
		Workload:  o.Workload,
		Mode:      o.Mode,
		Transport: "postgres",
		Processes: o.Processes,
		N:         o.N,
		Jobs:      o.Jobs,
		Runs:      o.Runs,
	}
	if o.ServiceBus {
		res.Transport = "servicebus"
	}

	db, err := openDatabase(ctx, s)
	if err != nil {
		return res, err
	}
	defer db.close()

	warm := o

	warm.N = min(o.N, warmTasks)
	rounds := max(warmRuns, o.Processes) // connections, plans, pages, how long a task takes

	single := o.Workload == "latency" || o.Workload == "submit"
	if single { // each round has many jobs
		rounds = max(1, o.Processes)
	}

	for i := range rounds {
		if _, _, _, err := workload(ctx, s, db, warm, "warm"+strconv.Itoa(i)); err != nil {
			return res, err
		}
	}

	if err := db.checkpoint(ctx); err != nil {
		return res, err
	}

	var (
		walls, floors, each []time.Duration
		spent               usage
	)

	for i := range o.Runs {
		before, err := db.usage(ctx, s)
		if err != nil {
			return res, err
		}

		wall, jobs, tasks, err := workload(ctx, s, db, o, strconv.Itoa(i))
		if err != nil {
			return res, err
		}

		after, err := db.usage(ctx, s)
		if err != nil {
			return res, err
		}

		spent = spent.plus(after.minus(before))

		walls, each, res.Tasks = append(walls, wall), append(each, jobs...), tasks

		if stages := floorStages(o.Workload); stages > 0 {
			took, err := db.floor(ctx, i, stages*o.Jobs, o.N)
			if err != nil {
				return res, err
			}

			floors = append(floors, took)
		}
	}

	res.sum(walls, floors, each, spent)
	res.PeakBytes = peaks(s.processes())

	return res, nil
}

// Before the clock runs, warmRuns rounds run with at most warmTasks tasks for
// each stage. The peers have as many.
const (
	warmRuns  = 5
	warmTasks = 1000
)

func (r *Result) sum(walls, floors, each []time.Duration, spent usage) {
	wall, tasks := median(walls), float64(r.Tasks*r.Runs)
	r.Ms, r.PerSec = ms(wall), float64(r.Tasks)/wall.Seconds()
	r.P50Ms, r.P95Ms, r.P99Ms = percentile(each, 50), percentile(each, 95), percentile(each, 99)
	r.WALBytes = float64(spent.wal) / tasks
	r.Commits = float64(spent.commits) / tasks

	r.Statements = float64(spent.statements) / tasks
	if len(floors) > 0 {
		r.FloorMs = ms(median(floors))
		r.Ratio = r.FloorMs / r.Ms
	}
}

// floorStages is how many stages of n tasks a job of a workload has; 0: the
// floor has nothing to say.
func floorStages(workload string) int {
	switch workload {
	case "hello", "unbundled":
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

// middle is the median, 0 of none.
func middle(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}

	return slices.Sorted(slices.Values(all))[len(all)/2]
}

// percentile is in milliseconds, 0 of none.
func percentile(d []time.Duration, p int) float64 {
	if len(d) == 0 {
		return 0
	}

	s := slices.Sorted(slices.Values(d))

	return ms(s[min(len(s)-1, len(s)*p/100)])
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
