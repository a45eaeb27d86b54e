package main

import (
	"context"
	"os"
	"os/exec"
	"time"

	"coremachine/internal/dev/pglocal"
)

// benchExecCmd lends the benchmarks' Postgres to another program.
type benchExecCmd struct {
	Command []string `arg:"" help:"Program and arguments, after --."`
}

// Run starts the program with DATABASE_URL set, and ends as it ends.
func (c *benchExecCmd) Run(ctx context.Context, a *app) error {
	return a.onPostgres(ctx, func(url string) error {
		cmd := exec.CommandContext(ctx, c.Command[0], c.Command[1:]...)
		cmd.Env = append(cmd.Environ(), "DATABASE_URL="+url)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.out, a.err
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }

		cmd.WaitDelay = time.Minute
		if err := cmd.Run(); err != nil {
			return exitf(exitOther, "%s: %v", c.Command[0], err)
		}

		return nil
	})
}

// onPostgres lends DATABASE_URL's Postgres or, without one, a server of the
// benchmarks' own with fsync on.
func (a *app) onPostgres(ctx context.Context, use func(url string) error) error {
	if url := a.getenv("DATABASE_URL"); url != "" {
		return use(url)
	}

	server, err := pglocal.Start(ctx, pglocal.Options{Dir: ".local/bench", Durable: true})
	if err != nil {
		return err
	}

	defer func() { _ = server.Stop() }() // the figures are out; the next start mends what is left

	return use(server.URL())
}
