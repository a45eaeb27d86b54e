package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"coremachine/internal/config"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/telemetry"
)

// Exit codes of Command.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 64
)

const usage = `Usage: handler [worker | version]

Without an argument, handler serves the custom handler contract of the Azure
Functions host. "handler worker" runs the same engine as a plain process, for
containers and machines without the Functions host. docs/configuration.md lists
the environment variables.
`

// Command runs the executable of an app with its command line and returns the
// exit code. It stops on SIGTERM and on an interrupt.
func Command(
	args []string,
	j map[string]define.Job,
	h map[string]handlers.Handler,
	s map[string]define.Schedule,
) int {
	TuneGC()

	// Azure sends no signal and kills; containers and shells do send one.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	return command(ctx, args, Options{Jobs: j, Handlers: h, Schedules: s}, os.Stdout, os.Stderr)
}

func command(
	ctx context.Context,
	args []string,
	o Options,
	out, errs io.Writer,
) int {
	name := ""
	if len(args) == 1 {
		name = args[0]
	}

	switch {
	case name == "version" || name == "--version":
		_, _ = fmt.Fprintln(out, Version())
		return exitOK
	case name == "help" || name == "--help" || name == "-h":
		_, _ = io.WriteString(out, usage)
		return exitOK
	case len(args) > 0 && name != "worker":
		_, _ = fmt.Fprintf(errs, "handler: unknown arguments %q\n%s", args, usage)
		return exitUsage
	}

	cfg, err := config.Load(config.FromEnvironment())
	log := telemetry.NewLogger(out, cfg.LogLevel, cfg.LogFormat)

	o.Log, o.OwnsProcess = log, true
	if name == "" {
		return Main(ctx, cfg, err, o)
	}

	if err := Worker(ctx, cfg, err, o); err != nil {
		_, _ = fmt.Fprintln(errs, "handler:", err)

		if _, ok := errors.AsType[*ConfigError](err); ok {
			return exitUsage
		}

		return exitFailed
	}

	return exitOK
}

// ConfigError lists why a worker could do no work: a bad configuration, or
// inconsistent registries. A worker that stayed up would idle forever.
type ConfigError struct{ Problems []string }

// Error lists the problems, one on each line.
func (e *ConfigError) Error() string { return list(e.Problems) }

func list(problems []string) string {
	return strings.Join(problems, "\n") + "\nSee docs/configuration.md, or run `corectl doctor`."
}

// Worker runs the engine as a plain process until ctx ends, then releases what
// it has claimed. A bad configuration and inconsistent registries end it
// immediately with a ConfigError.
func Worker(ctx context.Context, cfg config.Config, configErr error, o Options) error {
	worker, err := New(cfg, configErr, o)
	if err != nil {
		return err
	}

	if problems := worker.Problems(); len(problems) > 0 {
		return &ConfigError{Problems: problems}
	}

	if err := worker.Start(ctx); err != nil {
		return err
	}

	if problems := worker.Problems(); len(problems) > 0 { // found while it opened its parts
		return errors.Join(errors.New(list(problems)), worker.Stop(ctx))
	}

	probes, err := worker.ServeProbes(ctx)
	if err != nil {
		return errors.Join(err, worker.Stop(ctx))
	}

	if probes != nil {
		o.Log.Info("probes started", slog.String("address", probes.String()))
	}

	address, err := worker.ServeAPI(ctx)
	if err != nil {
		return errors.Join(err, worker.Stop(ctx))
	}

	if address != nil {
		o.Log.Info("HTTP API started", slog.String("address", address.String()))
	}

	worker.Work(ctx)

	var failure error

	select {
	case <-ctx.Done():
	case <-worker.Failed():
		failure = worker.Ready()
	}

	o.Log.Info("stopping; waiting for handlers", slog.String("drain", cfg.DrainTimeout.String()))

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.DrainTimeout+5*time.Second)
	defer cancel()

	return errors.Join(failure, worker.Stop(limit))
}
