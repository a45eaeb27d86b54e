package app

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/telemetry"
	"coremachine/internal/telemetry/keys"
	"coremachine/internal/view"
)

// Bounds of the ended jobs that wait to be reported: their maximum number, the
// interval between reports, and the maximum number in one query.
const (
	endedMost  = 4096
	endedEvery = time.Second
	endedBatch = 500
)

// telemetryLimit is how long a process that stops may take to send what is
// left.
const telemetryLimit = 3 * time.Second

// openTelemetry makes the providers. If it fails, the process works without
// telemetry.
func (a *App) openTelemetry(ctx context.Context) {
	if a.cfg.TelemetryOff {
		return
	}

	t, err := telemetry.Open(ctx, telemetry.Options{
		Service: a.cfg.ServiceName, Version: Version(), Instance: uuid.NewString(),
		Traces: a.cfg.TracesURL(), Metrics: a.cfg.MetricsURL(), Log: a.log,
	})
	if err != nil {
		a.log.Error("telemetry is disabled", keys.Error, err)
		return
	}

	if a.opts.OwnsProcess {
		t.Global()
	}

	a.telemetry, a.ended = t, make(chan state.JobID, endedMost)
}

// closeTelemetry sends what is left.
func (a *App) closeTelemetry(ctx context.Context) {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), telemetryLimit)
	defer cancel()

	if err := a.telemetry.Close(limit); err != nil {
		a.log.Warn("flushing telemetry failed", keys.Error, err)
	}
}

// observer returns the observer of attempts. Without telemetry it returns nil,
// which costs nothing.
func (a *App) observer() coremachine.Observer {
	if a.telemetry == nil {
		return nil
	}

	return a.telemetry
}

// watchTelemetry shows this process's state from now on: its parts have been
// made.
func (a *App) watchTelemetry() {
	if err := a.telemetry.Watch(a.reading); err != nil {
		a.log.Error("metrics are incomplete", keys.Error, err)
	}
}

// reading is this process as its metrics show it.
func (a *App) reading() telemetry.Process {
	stat := a.repo.Pool().Stat()

	return telemetry.Process{
		Running: a.machine.Running(), Unresponsive: a.machine.Unresponsive(), Queues: a.repo.ReadLag, Jobs: a.openJobs,
		Used: int(stat.AcquiredConns()), Idle: int(stat.IdleConns()), Max: int(stat.MaxConns()),
		Waits: stat.EmptyAcquireCount(), Waited: stat.EmptyAcquireWaitTime(),
	}
}

// openJobs counts the jobs that have not ended.
func (a *App) openJobs(ctx context.Context) ([]view.JobCount, error) {
	counts, err := a.repo.JobCounts(ctx, view.JobFilter{})
	return slices.DeleteFunc(counts, func(c view.JobCount) bool { return c.Status.Ended() }), err
}

// tellEnded reports ended jobs once per interval until ctx ends. Then it
// reports the remaining ones.
func (a *App) tellEnded(ctx context.Context) {
	tick := time.NewTicker(endedEvery)
	defer tick.Stop()

	for {
		select {
		case <-tick.C:
			a.tellWaiting(ctx)
		case <-ctx.Done():
			limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()

			a.tellWaiting(limit)

			return
		}
	}
}

func (a *App) tellWaiting(ctx context.Context) {
	for {
		var ids []state.JobID

	fill:
		for len(ids) < endedBatch {
			select {
			case id := <-a.ended:
				ids = append(ids, id)
			default:
				break fill
			}
		}

		if len(ids) == 0 {
			return
		}

		jobs, err := a.repo.ReadEnded(ctx, ids)
		if err != nil { // do not add load to a failing database
			a.telemetry.Missed(len(ids))
			continue
		}

		for _, j := range jobs {
			a.telemetry.JobEnded(j)
		}
	}
}

// engine is a machine that traces the requests of its callers.
type engine struct {
	*coremachine.Machine
	jobs      map[string]define.Job
	telemetry *telemetry.Telemetry
}

// Submit begins the trace of a run.
func (e engine) Submit(ctx context.Context, req coremachine.SubmitRequest) (coremachine.SubmitResult, error) {
	if req.DryRun {
		return e.Machine.Submit(ctx, req)
	}

	name := req.Type
	if _, known := e.jobs[name]; !known {
		name = "unknown" // unknown types must not create metric names
	}

	stored, end := e.telemetry.Run(ctx, keys.SpanSubmit+" "+name, req.Traceparent)
	req.Traceparent = stored
	res, err := e.Machine.Submit(ctx, req)
	end(res.JobID, outcome(res, err), err)
	e.telemetry.Submitted(name, outcome(res, err))

	return res, err
}

// Retry begins a trace too: it is another run.
func (e engine) Retry(ctx context.Context, id state.JobID, by, traceparent string) (state.Retried, error) {
	stored, end := e.telemetry.Run(ctx, keys.SpanRetry, traceparent)
	res, err := e.Machine.Retry(ctx, id, by, stored)
	end(id, outcome(coremachine.SubmitResult{Started: true}, err), err)

	return res, err
}

func outcome(res coremachine.SubmitResult, err error) string {
	switch {
	case err != nil:
		return "refused"
	case res.Created:
		return "created"
	case res.Started:
		return "run_again"
	}

	return "existing"
}

// SweepDue is Machine.SweepDue, counted.
func (e engine) SweepDue(ctx context.Context) (swept bool, err error) {
	rep, swept, err := e.Machine.SweepDue(ctx)
	if swept || err != nil {
		e.telemetry.Swept(rep.SweepFound, err)
	}

	return swept, err
}

// Sweep counts what was found.
func (e engine) Sweep(ctx context.Context) (coremachine.SweepReport, error) {
	rep, err := e.Machine.Sweep(ctx)
	e.telemetry.Swept(rep.SweepFound, err)

	return rep, err
}
