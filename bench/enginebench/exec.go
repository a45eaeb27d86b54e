package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"coremachine/internal/dev/pglocal"
)

// execCmd runs another program on the benchmarks' Postgres.
type execCmd struct {
	Command []string `arg:"" help:"Program and arguments, after --."`
}

// Run starts the program with DATABASE_URL set and returns its error.
func (c *execCmd) Run(ctx context.Context, a *app) error {
	return a.onPostgres(ctx, func(url string) error {
		cmd := exec.CommandContext(ctx, c.Command[0], c.Command[1:]...)
		cmd.Env = append(cmd.Environ(), "DATABASE_URL="+url)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.out, a.err
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }

		cmd.WaitDelay = time.Minute
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", c.Command[0], err)
		}

		return nil
	})
}

// onPostgres calls use with DATABASE_URL or, if it is not set, with the URL of
// a new server with fsync on.
func (a *app) onPostgres(ctx context.Context, use func(url string) error) error {
	if url := a.getenv("DATABASE_URL"); url != "" {
		return use(url)
	}

	root, err := projectRoot()
	if err != nil {
		return err
	}

	server, err := pglocal.Start(ctx, pglocal.Options{Dir: filepath.Join(root, ".local", "bench"), Durable: true})
	if err != nil {
		return err
	}

	defer func() { _ = server.Stop() }() // the results are printed, and the next start repairs what is left

	return use(server.URL())
}
