// Command enginebench measures the engine and compares it with Postgres itself.
// `make bench` runs it.
//
// It owns the processes that it starts, which are itself in other roles, and
// they end with it. A killed run loses its figures only.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	process "coremachine/internal/app"
)

// grammar is the command line.
type grammar struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`

	Run     runCmd     `cmd:"" default:"withargs" help:"Measure workloads. The word run is optional."`
	Big     bigCmd     `cmd:"" help:"Measure long workloads: very large jobs, aged databases, retention."`
	Grow    growCmd    `cmd:"" help:"Compare databases that contain much with empty ones, and print a table."`
	Cost    costCmd    `cmd:"" help:"Measure CPU, log and disk per task, and print a table."`
	Exec    execCmd    `cmd:"" help:"Run a program with DATABASE_URL set to the benchmark Postgres."`
	Worker  workerCmd  `cmd:"" hidden:""`
	Handler handlerCmd `cmd:"" hidden:""`
	Host    hostCmd    `cmd:"" hidden:""`
	Echo    echoCmd    `cmd:"" hidden:""`
}

// app is what a command works with.
type app struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	json     bool
}

// usageError is a wrong command line.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

func main() {
	process.TuneGC()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv})

	stop()

	if err == nil {
		return
	}

	fmt.Fprintln(os.Stderr, "enginebench:", err)

	if _, ok := errors.AsType[usageError](err); ok {
		os.Exit(64)
	}

	os.Exit(1)
}

func run(ctx context.Context, args []string, a *app) error {
	var g grammar

	parser, err := kong.New(&g, kong.Name("enginebench"), kong.Writers(a.out, a.err))
	if err != nil {
		return err
	}

	parsed, err := parser.Parse(args)
	if err != nil {
		return usagef("%v", err)
	}

	a.json = g.Output == "json"
	parsed.BindTo(ctx, (*context.Context)(nil))

	return parsed.Run(a)
}

// print writes a report as JSON or as a table.
func (a *app) print(report any, table func() error) error {
	if a.json {
		return json.NewEncoder(a.out).Encode(report)
	}

	return table()
}

// projectRoot returns the source tree that the working folder is in.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}

	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module coremachine\n") {
			return dir, nil
		}

		above := filepath.Dir(dir)
		if above == dir {
			return "", errors.New("run this command inside the source tree of coremachine")
		}

		dir = above
	}
}
