package app

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"coremachine/internal/api"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/view"
	"coremachine/internal/web"
)

// api is the HTTP API. With problems it has no engine: probes and health
// answer, and say why.
func (a *App) api() http.Handler {
	o := api.Options{Log: a.log, Health: a.health()}

	var queues *api.Queues
	if a.machine != nil {
		queues = api.NewQueues(a.repo) // the API and the dashboard share the readings
		a.hub = api.NewJobWatcher(a.repo.ReadVersions, a.log)
		o.Engine, o.Reader, o.Dead, o.JobWatcher, o.Queues = a.engine, a.repo, a.dead(), a.hub, queues
		o.Callbacks = a.cfg.Callbacks()
		o.Inputs, o.TraceURL = a.machine, a.cfg.TraceURL
		o.Storage = a.opts.Deps.Blobs
	}

	a.web = web.New(a.dashboard(o.Health, queues))

	o.Mounts = a.web.Mounts()
	if a.telemetry != nil {
		o.Mounts["/metrics"] = a.telemetry.Handler()
	}

	return api.New(o)
}

// health returns what the process reports about itself.
func (a *App) health() api.Health {
	h := api.Health{
		Version:  Version(),
		Commit:   commit(),
		Started:  a.started,
		Handlers: slices.Sorted(maps.Keys(a.opts.Handlers)),
		Ready:    a.reasons,
	}
	if a.machine == nil {
		return h
	}

	h.Transport = a.cfg.Transport

	h.Checks = []api.Check{
		{Name: "database", Runbook: view.RunbookNotReady, Run: func(ctx context.Context) (any, error) {
			version, err := repo.SchemaVersion(ctx, a.repo.Database())
			if err == nil {
				err = repo.Fits(version)
			}

			detail := map[string]any{
				"schema_version": version,
				"needed":         repo.LatestVersion(),
				"pooler":         a.repo.Database().Pooled(),
			}
			if note := repo.SchemaNote(version); note != "" {
				detail["note"] = note
			}

			return detail, err
		}},
		{
			Name:     "queues",
			Optional: true,
			Runbook:  view.RunbookReading,
			Run:      func(ctx context.Context) (any, error) { return a.repo.ReadQueues(ctx) },
		},
		{Name: "receivers", Runbook: view.RunbookNoReceiver, Run: func(context.Context) (any, error) {
			if missing := a.unreceived(); len(missing) > 0 {
				return nil, state.Errorf(
					state.CodeUnavailable,
					"app.health",
					"%s",
					strings.Join(missing, "; "),
				)
			}

			return nil, nil
		}},
		{
			Name:     "worker",
			Optional: true,
			Runbook:  view.RunbookNotReady,
			Run: func(context.Context) (any, error) {
				if !a.machine.Ready() {
					return nil, state.Errorf(state.CodeUnavailable, "app.health", "this process has no lease")
				}

				return map[string]int{"running": a.machine.Running(), "unresponsive": a.machine.Unresponsive()}, nil
			},
		},
	}
	if a.bus != nil {
		h.Checks = append(
			h.Checks,
			api.Check{
				Name:     "servicebus",
				Optional: true,
				Runbook:  view.RunbookOutboxAge,
				Run: func(ctx context.Context) (any, error) {
					return nil, a.bus.Warm(ctx)
				},
			},
		)
	}

	h.Checks = append(h.Checks, a.storageCheck())

	return h
}

// dashboard returns the options of the pages. Unless the dashboard is open and
// the process has no keys, the pages contain no data.
func (a *App) dashboard(h api.Health, queues *api.Queues) web.Options {
	names := slices.Sorted(maps.Keys(a.opts.Jobs))

	o := web.Options{
		Queues:    queues,
		Problems:  a.reasons,
		Version:   Version(),
		Transport: h.Transport,
		Callbacks: a.cfg.CallbackHosts != "",
		Log:       a.log,
		Inline:    a.cfg.OpenDashboard && len(a.cfg.Keys()) == 0,
		Health:    func(ctx context.Context) api.HealthView { return h.Look(ctx, names, a.log) },
	}
	if a.machine != nil {
		o.Reader, o.Types, o.Wait = a.repo, a.machine.Types, a.hub.Wait
		o.Inputs, o.TraceURL = a.machine, a.cfg.TraceURL
	}

	return o
}

// dead is the transport's dead letters.
func (a *App) dead() api.DeadLetters {
	if a.bus != nil {
		return busDead{a.bus, a.queue}
	}

	return a.queue
}

// collectMost is the maximum number of dead letters that one collection
// receives from a queue of the bus. The next collection continues.
const collectMost = 1000

// busDead notes on their rows what the bus has set aside, and makes the rows
// due again: the relay sends them.
type busDead struct {
	bus  *servicebus.Client
	rows *pgqueue.Queue
}

// Redrive makes dead rows due again, and those of messages that the bus has set
// aside.
func (d busDead) Redrive(ctx context.Context, q state.Queue, reason string, most int) (int, error) {
	if _, err := d.collect(ctx, q); err != nil {
		return 0, err
	}

	return d.rows.Redrive(ctx, q, reason, most)
}

// RedriveOnly makes dead rows due again.
func (d busDead) RedriveOnly(ctx context.Context, q state.Queue, ids []int64) (int, error) {
	return d.rows.RedriveOnly(ctx, q, ids)
}

// collect returns how many rows it noted a dead letter on.
func (d busDead) collect(ctx context.Context, q state.Queue) (noted int, err error) {
	_, err = d.bus.Collect(ctx, q, collectMost, func(ctx context.Context, dead []queue.Dead) error {
		n, err := d.rows.MarkDead(ctx, dead)
		noted += n

		return err
	})

	return noted, err
}

// collect is what a sweep does about the dead letters of a bus; nil where there
// is none.
func (a *App) collect() func(context.Context) (int, error) {
	if a.bus == nil {
		return nil
	}

	d := busDead{a.bus, a.queue}

	return func(ctx context.Context) (n int, err error) {
		for _, q := range state.Queues {
			some, one := d.collect(ctx, q)
			n, err = n+some, errors.Join(err, one)
		}

		return n, err
	}
}

// reasons lists why the process can do no work, or why accepted work cannot be
// processed.
func (a *App) reasons() []string {
	if len(a.problems) > 0 {
		return a.problems
	}

	if err, ok := errors.AsType[*state.Error](a.Ready()); ok {
		return []string{err.Msg}
	}

	return a.unreceived()
}

func (a *App) jobEnded(id state.JobID) {
	if hub := a.hub; hub != nil {
		hub.Nudge(id)
	}

	if a.notifier != nil {
		a.notifier.Wake()
	}

	if a.ended == nil {
		return
	}

	select {
	case a.ended <- id:
	default: // the buffer is full
		a.telemetry.Missed(1)
	}
}
