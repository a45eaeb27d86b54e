package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	process "coremachine/internal/app"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/telemetry"
)

// workerCmd runs the engine as a plain process, for containers and machines
// without the Functions host.
type workerCmd struct{}

// Run works until it is stopped, then requeues its claimed work. If the
// configuration is invalid or the registries are inconsistent, it returns
// immediately and lists every problem.
func (c *workerCmd) Run(ctx context.Context, a *app) error {
	cfg, configErr := a.settings()
	log := telemetry.NewLogger(a.err, cfg.LogLevel, cfg.LogFormat)

	worker, err := process.New(
		cfg,
		configErr,
		process.Options{Jobs: jobs.All, Handlers: handlers.All, Log: log, OwnsProcess: true},
	)
	if err != nil {
		return err
	}

	return runWorker(ctx, worker, log, cfg.DrainTimeout)
}

func runWorker(ctx context.Context, worker *process.App, log *slog.Logger, drain time.Duration) error {
	if err := problemsOf(worker, exitUsage); err != nil {
		return err
	}

	if err := worker.Start(ctx); err != nil {
		return err
	}

	if err := problemsOf(worker, exitOther); err != nil { // found while the worker opened its connections
		return errors.Join(err, worker.Stop(ctx))
	}

	if address, err := worker.ServeAPI(ctx); err != nil {
		return errors.Join(err, worker.Stop(ctx))
	} else if address != nil {
		log.Info("HTTP API started", "address", address.String())
	}

	worker.Work(ctx)

	var failure error

	select {
	case <-ctx.Done():
	case <-worker.Failed():
		failure = exitf(exitOther, "%v", worker.Ready())
	}

	log.Info("stopping; waiting for handlers", "drain", drain.String())

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain+5*time.Second)
	defer cancel()

	return errors.Join(failure, worker.Stop(limit))
}

// problemsOf returns an error that lists why a worker cannot work, or nil if it
// can. A worker that kept running would stay idle forever.
func problemsOf(worker *process.App, code int) error {
	var all []error
	for _, p := range worker.Problems() {
		all = append(all, errors.New(p))
	}

	if len(all) == 0 {
		return nil
	}

	return exitf(code, "%v\nSee `corectl doctor`, and docs/configuration.md.", errors.Join(all...))
}
