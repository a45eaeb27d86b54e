package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// serveProblems logs each problem that keeps the process from work, and serves
// the probes and health, which report them.
func (a *App) serveProblems(more ...string) error {
	a.problems = append(a.problems, more...)
	for _, p := range a.problems {
		a.log.Error("configuration problem; the process does no work", keys.Error, p)
	}

	return a.host.Install(a.work())
}

// watchSchema checks until the schema is as new as this build; it never becomes
// older. It logs each cause once.
func (a *App) watchSchema(ctx context.Context) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()

	logged := map[string]bool{}

	for {
		limit, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := repo.CheckSchema(limit, a.repo.Database())

		cancel()

		if err == nil {
			a.schema.Store(true)
			return
		}

		if known, ok := errors.AsType[*state.Error](err); ok {
			a.schemaFault.Store(&known.Msg)
		}

		if cause := causeOf(err); !logged[cause] && ctx.Err() == nil {
			a.log.Warn("not ready yet", keys.Error, err)

			logged[cause] = true
		}

		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// warm prepares connections before work arrives. A failure does not matter: the
// first work prepares them then.
func (a *App) warm(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()

	if err := a.repo.Warm(limit, pgqueue.Hot()); err != nil {
		a.log.Debug("preparing connections failed", keys.Error, err)
	}
}

// Ready is nil when the process can work; otherwise its error says why not, all
// reasons in it.
func (a *App) Ready() error {
	if len(a.problems) > 0 {
		return state.Errorf(state.CodeUnavailable, "app.Ready", "%s", strings.Join(a.problems, "; "))
	}

	if a.machine == nil || !a.schema.Load() {
		reason := "the database has not answered yet"
		if fault := a.schemaFault.Load(); fault != nil {
			reason = *fault
		}

		return state.Errorf(state.CodeUnavailable, "app.Ready", "%s", reason)
	}

	if err := a.machine.Failure(); err != nil {
		return err
	}

	if !a.machine.Ready() {
		return state.Errorf(state.CodeUnavailable, "app.Ready", "this process has no lease yet")
	}

	return nil
}

// Failed is closed when the process can never work again and has to be stopped
// and to exit with an error, which Ready returns. Call it after Start.
func (a *App) Failed() <-chan struct{} {
	if a.machine == nil {
		return nil
	}

	return a.machine.Failed()
}
