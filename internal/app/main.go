package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"coremachine/internal/config"
	"coremachine/internal/funchost"
	"coremachine/internal/telemetry/keys"
)

// Main runs the process that host.json names: it listens, starts, and serves
// until a signal. It returns the exit code, which is not 0 while the process
// was to continue: the host does not restart a process that exits with 0.
func Main(ctx context.Context, cfg config.Config, configErr error, o Options) int {
	l, err := funchost.Listen(ctx, os.Getenv, 7072)
	if err != nil {
		fmt.Fprintln(os.Stderr, "handler:", err)
		return 1
	}

	a, err := New(cfg, configErr, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "handler:", err)
		return 1
	}

	a.problems = append(a.problems, hostProblems(cfg, os.Getenv)...)

	a.Serve(ctx, l)

	if err := a.Start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "handler:", err)
		return 1
	}

	if receivesItself(cfg) {
		a.Work(ctx)
	}

	select {
	case err = <-a.Done():
		a.log.Error("serving ended", keys.Error, err)
	case <-a.Failed():
		err = a.Ready()
		a.log.Error("process exits", keys.Error, err)
	case <-ctx.Done():
	}

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.DrainTimeout+5*time.Second)
	defer cancel()

	return exitCode(errors.Join(err, a.Stop(limit)))
}

// exitCode returns 143 after a signal, as a shell does for a terminated
// process.
func exitCode(err error) int {
	if err != nil {
		return 1
	}

	return 143
}
