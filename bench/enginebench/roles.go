package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"coremachine/bench/engine"
	process "coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/dev/local"
	"coremachine/internal/telemetry"
)

// whileRead returns a context that ends when in is closed, which happens when
// the process at the other end of the pipe exits.
func whileRead(ctx context.Context, in io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)

	go func() {
		_, _ = io.Copy(io.Discard, in)

		cancel()
	}()

	return ctx, cancel
}

// workerCmd is a plain worker with the jobs of the benchmarks.
type workerCmd struct{}

// Run ends when its standard input does.
func (c *workerCmd) Run(ctx context.Context, a *app) error {
	ctx, cancel := whileRead(ctx, a.in)
	defer cancel()

	cfg, configErr := config.Load(config.FromEnvironment())

	return process.Worker(ctx, cfg, configErr, process.Options{
		Jobs:     engine.Jobs(),
		Handlers: engine.Handlers(),
		Log:      telemetry.NewLogger(a.err, cfg.LogLevel, cfg.LogFormat),
	})
}

// handlerCmd is what cmd/handler is, with the jobs of the benchmarks.
type handlerCmd struct{}

// Run ends when the host ends it.
func (c *handlerCmd) Run(ctx context.Context, a *app) error {
	cfg, err := config.Load(config.FromEnvironment())
	code := process.Main(ctx, cfg, err, process.Options{
		Jobs:     engine.Jobs(),
		Handlers: engine.Handlers(),
		Log:      telemetry.NewLogger(a.out, cfg.LogLevel, cfg.LogFormat),
	})

	return fmt.Errorf("the handler ended with code %d", code)
}

// echoCmd is a handler that does nothing.
type echoCmd struct{}

// Run ends when the host ends it.
func (c *echoCmd) Run(ctx context.Context, a *app) error {
	return engine.Echo(ctx, a.getenv, slog.New(slog.DiscardHandler))
}

// hostCmd is the stand-in of the Functions host with an app under it.
type hostCmd struct {
	App       string `required:"" help:"Folder of the app."`
	Transport string `enum:"postgres,servicebus" default:"postgres" help:"Message transport."`
}

// Run prints the address once the API is ready, and ends when standard input
// does.
func (c *hostCmd) Run(ctx context.Context, a *app) error {
	ctx, cancel := whileRead(ctx, a.in)
	defer cancel()

	root, err := projectRoot()
	if err != nil {
		return err
	}

	system, err := local.Start(ctx, local.Options{
		Root: root, App: c.App, AnyPort: true, Output: a.err, DatabaseURL: a.getenv("DATABASE_URL"),
		ServiceBus: c.Transport == config.TransportServiceBus, Connection: a.getenv("SERVICEBUS"),
		Env: map[string]string{"LOG_FORMAT": "text"},
	})
	if err != nil {
		return err
	}

	hosted := engine.Hosted{API: system.URL()}
	_, _, hosted.HandlerPID = system.PIDs()

	if err := json.NewEncoder(a.out).Encode(hosted); err != nil {
		return fmt.Errorf("%w, %w", err, system.Stop())
	}

	select {
	case <-ctx.Done():
	case <-system.Done():
	}

	return system.Stop()
}
