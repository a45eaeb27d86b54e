package main

import (
	"context"
	"io"
	"log/slog"

	process "coremachine/internal/app"
	"coremachine/internal/bench"
	"coremachine/internal/telemetry"
)

// whileRead returns a context that ends when in ends. The parent process holds
// the other end of the pipe, so the context also ends if the parent crashes.
func whileRead(ctx context.Context, in io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)

	go func() {
		_, _ = io.Copy(io.Discard, in)

		cancel()
	}()

	return ctx, cancel
}

// benchWorkerCmd is a plain worker with the jobs of the benchmarks.
type benchWorkerCmd struct{}

// Run runs the worker.
func (c *benchWorkerCmd) Run(ctx context.Context, a *app) error {
	ctx, cancel := whileRead(ctx, a.in)
	defer cancel()

	cfg, configErr := a.settings()
	log := telemetry.NewLogger(a.err, cfg.LogLevel, cfg.LogFormat)

	worker, err := process.New(
		cfg,
		configErr,
		process.Options{Jobs: bench.Jobs(), Handlers: bench.Handlers(), Log: log},
	)
	if err != nil {
		return err
	}

	return runWorker(ctx, worker, log, cfg.DrainTimeout)
}

// benchHandlerCmd is like cmd/handler, with the jobs of the benchmarks.
type benchHandlerCmd struct{}

// Run returns when the host stops it.
func (c *benchHandlerCmd) Run(ctx context.Context, a *app) error {
	cfg, err := a.settings()
	log := telemetry.NewLogger(a.out, cfg.LogLevel, cfg.LogFormat)
	code := process.Main(
		ctx,
		cfg,
		err,
		process.Options{Jobs: bench.Jobs(), Handlers: bench.Handlers(), Log: log},
	)

	return exitf(code, "the handler ended")
}

// benchEchoCmd is a handler that does nothing.
type benchEchoCmd struct{}

// Run returns when the host stops it.
func (c *benchEchoCmd) Run(ctx context.Context, a *app) error {
	return bench.Echo(ctx, a.getenv, slog.New(slog.DiscardHandler))
}
