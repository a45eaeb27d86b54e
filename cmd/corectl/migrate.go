package main

import (
	"context"
	"errors"
	"strconv"

	"coremachine/internal/config"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

type migrateCmd struct {
	DryRun bool `help:"Print what would be done, and change nothing."`
}

// Run migrates the schema that DATABASE_URL names. It needs no API. Each
// migration is compatible with the previous build, so it runs before a
// deployment.
func (c *migrateCmd) Run(ctx context.Context, a *app) error {
	url := a.getenv("DATABASE_URL")
	if url == "" {
		return usagef(
			"DATABASE_URL is not set. migrate connects to Postgres, not to the API: set it to the " +
				"connection string of the database.",
		)
	}

	was, err := schemaVersion(ctx, url)
	if err != nil {
		return migrateError(err)
	}

	now := was

	if !c.DryRun {
		if err := repo.Migrate(ctx, url); err != nil {
			return migrateError(err)
		}

		if now, err = schemaVersion(ctx, url); err != nil {
			return migrateError(err)
		}
	}

	text, err := encode(map[string]int64{"was": was, "schema_version": now, "build": repo.LatestVersion()})
	if err != nil {
		return err
	}

	return a.one(text, strconv.FormatInt(now, 10), func() error {
		switch latest := repo.LatestVersion(); {
		case now != was:
			a.hint("schema %d, was %d.", now, was)
		case was < latest:
			a.hint("Would migrate the schema from version %d to %d.", was, latest)
		case now > latest:
			a.hint("schema %d: nothing to do; it is newer than this corectl, which has %d.", now, latest)
		default:
			a.hint("schema %d: nothing to do.", now)
		}

		return nil
	})
}

func schemaVersion(ctx context.Context, url string) (int64, error) {
	r, err := repo.Open(ctx, repo.Config{URL: url, MaxConns: 1})
	if err != nil {
		return 0, err
	}
	defer r.Close()

	return repo.SchemaVersion(ctx, r.Database())
}

func migrateError(err error) error {
	var known *state.Error
	if errors.As(err, &known) && known.Code == state.CodeUnavailable {
		return exitf(exitUnreachable, "Cannot reach the database: %s.", rootCause(err))
	}

	if errors.As(err, &known) && known.Code == state.CodeInvalid {
		return exitf(exitUsage, "DATABASE_URL: %s.", known.Msg)
	}

	return err
}

// rootCause returns the innermost message, which says what happened. The outer
// messages only say where the error was noticed.
func rootCause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}

		err = next
	}
}

// settings reads the configuration that a process on this machine would use.
func (a *app) settings() (config.Config, error) {
	environ := map[string]string{}

	for _, f := range config.Fields() {
		if value := a.getenv(f.Env); value != "" {
			environ[f.Env] = value
		}
	}

	return config.Load(environ)
}
