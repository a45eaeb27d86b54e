// Package peer is what the programs that measure one peer share: the flags, a
// database of its own, the clock, and the check that every reply is there.
//
// It owns the database that it makes and drops; a killed run leaves one behind,
// named bench_peer_*. A result is printed only when every task's result was as
// expected.
package peer

import (
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

// Engine is a peer, started. Run has so many jobs of n tasks a stage done and
// returns when all have ended, with the last reply of each. Names tell jobs of
// different calls apart.
type Engine interface {
	Run(ctx context.Context, names []string, n int) (lastReplies []string, err error)
	Stop(ctx context.Context) error
}

// Variant is a way to set a peer up.
type Variant struct {
	Name     string
	Settings string // in words, for the table
	Start    func(ctx context.Context, databaseURL string) (Engine, error)
}

// Report is what a program prints.
type Report struct {
	Version  string  `json:"version"`
	Settings string  `json:"settings"`
	Ms       float64 `json:"ms"`               // for all jobs
	Singles  int     `json:"singles"`          // jobs that ran one at a time
	P50Ms    float64 `json:"p50_ms,omitempty"` // median of a single job
}

const (
	warmTasks = 1000 // at most, before the clock runs
	singles   = 10
)

// Greeting is the result of task i of the first stage.
func Greeting(i int) string { return fmt.Sprintf("Hello World from task %d!", i) }

// Reply is the result of the second stage's task that read this greeting.
func Reply(greeting string) string { return "Replying to: " + greeting }

// Main measures the variant that the flags name, and prints a Report.
func Main(version string, variants []Variant) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, version, variants); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // the signals go with the process
	}
}

func run(ctx context.Context, version string, variants []Variant) error {
	names := make([]string, len(variants))
	for i, v := range variants {
		names[i] = v.Name
	}
	name := flag.String("variant", names[0], strings.Join(names, ", "))
	n := flag.Int("n", 1000, "tasks of a stage")
	jobs := flag.Int("jobs", 1, "jobs at once; 0: single jobs, one after the other")
	flag.Parse()
	at := slices.Index(names, *name)
	if at < 0 {
		return fmt.Errorf("no variant %q: %v", *name, names)
	}
	report := Report{Version: version, Settings: variants[at].Settings}
	err := withDatabase(ctx, func(address string, checkpoint func() error) error {
		engine, err := variants[at].Start(ctx, address)
		if err != nil {
			return err
		}
		err = measure(ctx, engine, *jobs, *n, checkpoint, &report)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		return errors.Join(err, engine.Stop(limit))
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

func measure(ctx context.Context, e Engine, jobs, n int, checkpoint func() error, report *Report) error {
	if err := checked(ctx, e, "warm", max(jobs, 1), min(n, warmTasks)); err != nil {
		return err
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

// withDatabase makes a database of DATABASE_URL's server for the time of a
// call.
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
		_, err := admin.Exec(ctx, "checkpoint") // nobody pays for the pages of whoever ran before
		return err
	})
}
