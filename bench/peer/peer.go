// Package peer is the shared code of the programs that measure one peer each:
// the flags, a database, the clock, and the check that every reply arrived.
//
// It owns the database that it creates and drops. If a run is killed, a
// database with the name bench_peer_* remains. A result is printed only if
// every task returned the expected result.
package peer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Engine is a started peer. Run runs one job of n tasks per stage for each
// name, and returns when all have ended, with the last reply of each. The names
// are unique across calls.
type Engine interface {
	Run(ctx context.Context, names []string, n int) (lastReplies []string, err error)
	Stop(ctx context.Context) error
}

// Variant is a configuration of a peer.
type Variant struct {
	Name     string
	Settings string // in words, for the table
	Start    func(ctx context.Context, at Place) (Engine, error)
	Joins    bool // whether more processes can run its tasks
}

// Place says where an engine runs.
type Place struct {
	Address   string // of its database, or what the first process says
	Processes int    // that run its tasks
	Joined    bool   // this is one of the others: it runs tasks only
}

// Share returns the part of a process in a total, such as of connections. It is
// at least 4.
func (p Place) Share(total int) int { return max(4, total/p.Processes) }

// Addressed is an engine that has another address than the database.
type Addressed interface{ Address() string }

// Report is the JSON that a program prints.
type Report struct {
	Version  string  `json:"version"`
	Settings string  `json:"settings"`
	Ms       float64 `json:"ms"`               // for all jobs
	Singles  int     `json:"singles"`          // jobs that ran one at a time
	P50Ms    float64 `json:"p50_ms,omitempty"` // median of a single job
}

const (
	warmRuns  = 5    // before the measurement: servers and clients keep plans, pages and memory
	warmTasks = 1000 // maximum number of tasks of a stage of each
	singles   = 10
)

// Greeting returns the result of task i of the first stage.
func Greeting(i int) string { return fmt.Sprintf("Hello World from task %d!", i) }

// Reply returns the result of the task of the second stage that read this
// greeting.
func Reply(greeting string) string { return "Replying to: " + greeting }

// Main measures the variant that the flags name, and prints a Report.
func Main(version string, variants []Variant) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, version, variants); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // process exits, so the signal handler needs no cleanup
	}
}

func run(ctx context.Context, version string, variants []Variant) error {
	names := make([]string, len(variants))
	for i, v := range variants {
		names[i] = v.Name
	}
	name := flag.String("variant", names[0], strings.Join(names, ", "))
	n := flag.Int("n", 1000, "tasks of a stage")
	jobs := flag.Int("jobs", 1, "concurrent jobs; 0: single jobs, one after the other")
	processes := flag.Int("processes", 1, "processes that run tasks")
	join := flag.String("join", "", "run tasks for the process that has this address, until stdin ends")
	flag.Parse()
	index := slices.Index(names, *name)
	if index < 0 {
		return fmt.Errorf("no variant %q: %v", *name, names)
	}
	v := variants[index]
	if *join != "" {
		return joined(ctx, v, Place{Address: *join, Processes: *processes, Joined: true})
	}
	if *processes > 1 && !v.Joins {
		return fmt.Errorf("%s runs in one process only", v.Name)
	}
	report := Report{Version: version, Settings: v.Settings}
	err := withDatabase(ctx, func(address string, checkpoint func() error) error {
		engine, err := v.Start(ctx, Place{Address: address, Processes: *processes})
		if err != nil {
			return err
		}
		if a, ok := engine.(Addressed); ok {
			address = a.Address()
		}
		others, err := startOthers(ctx, v, address, *processes)
		if err == nil {
			err = measure(ctx, engine, *jobs, *n, checkpoint, &report)
		}
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		return errors.Join(err, others.stop(), engine.Stop(limit))
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

func measure(ctx context.Context, e Engine, jobs, n int, checkpoint func() error, report *Report) error {
	for i := range warmRuns {
		if err := checked(ctx, e, fmt.Sprintf("warm-%d", i), cmp.Or(jobs, singles), min(n, warmTasks)); err != nil {
			return err
		}
	}
	if err := checkpoint(); err != nil {
		return err
	}
	if jobs > 0 {
		begin := time.Now()
		err := checked(ctx, e, "run", jobs, n)
		report.Ms = ms(time.Since(begin))
		return err
	}
	var each []time.Duration
	begin := time.Now()
	for i := range singles {
		start := time.Now()
		if err := checked(ctx, e, fmt.Sprintf("single-%d", i), 1, n); err != nil {
			return err
		}
		each = append(each, time.Since(start))
	}
	slices.Sort(each)
	report.Ms, report.Singles, report.P50Ms = ms(time.Since(begin)), singles, ms(each[len(each)/2])
	return nil
}

func checked(ctx context.Context, e Engine, prefix string, jobs, n int) error {
	names := make([]string, jobs)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	last, err := e.Run(ctx, names, n)
	if err != nil {
		return err
	}
	want := Reply(Greeting(n - 1))
	if len(last) != jobs {
		return fmt.Errorf("%d jobs ended, want %d", len(last), jobs)
	}
	for _, got := range last {
		if got != want {
			return fmt.Errorf("the last reply is %q, want %q", got, want)
		}
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// withDatabase creates a database on the server of DATABASE_URL for the
// duration of a call.
func withDatabase(ctx context.Context, use func(address string, checkpoint func() error) error) (err error) {
	base, err := url.Parse(os.Getenv("DATABASE_URL"))
	if err != nil || base.Scheme == "" {
		return errors.New("DATABASE_URL must name a Postgres, as postgres://...")
	}
	admin, err := pgx.Connect(ctx, base.String())
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	name := fmt.Sprintf("bench_peer_%d", time.Now().UnixNano())
	if _, err := admin.Exec(ctx, "create database "+name); err != nil {
		return err
	}
	defer func() {
		_, dropped := admin.Exec(context.WithoutCancel(ctx), "drop database "+name+" with (force)")
		err = errors.Join(err, dropped)
	}()
	base.Path = "/" + name
	return use(base.String(), func() error {
		// Without a checkpoint, the measurement would write the pages of the
		// previous one.
		_, err := admin.Exec(ctx, "checkpoint")
		return err
	})
}
