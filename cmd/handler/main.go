// Command handler is the executable that host.json names. It contains the whole
// app behind the custom handler contract of the Functions host.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/telemetry"
)

func main() {
	app.TuneGC()
	// Azure kills the process without a signal. Containers and shells send one.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	cfg, err := config.Load(config.FromEnvironment())
	log := telemetry.NewLogger(os.Stdout, cfg.LogLevel, cfg.LogFormat)
	code := app.Main(
		ctx,
		cfg,
		err,
		app.Options{Jobs: jobs.All, Handlers: handlers.All, Log: log, OwnsProcess: true},
	)

	stop()
	os.Exit(code)
}
