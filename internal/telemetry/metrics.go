package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
	"coremachine/internal/view"
)

// instruments are the metrics that are recorded when an event happens.
type instruments struct {
	meter        metric.Meter
	submits      metric.Int64Counter
	jobs         metric.Int64Counter
	jobTook      metric.Float64Histogram
	stageTook    metric.Float64Histogram
	attempts     metric.Int64Counter
	taskTook     metric.Float64Histogram
	sweeps       metric.Int64Counter
	sweepActions metric.Int64Counter
	missed       metric.Int64Counter
	kinds        *sync.Map // map of attemptKind to *attemptOptions
}

// Bucket bounds in seconds: for a task, and for a job or stage, which can have
// many tasks.
var (
	taskBounds = metric.WithExplicitBucketBoundaries(.001, .005, .025, .1, .5, 1, 5, 15, 60, 300, 900, 1800)
	jobBounds  = metric.WithExplicitBucketBoundaries(.05, .25, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400)
)

func newInstruments(m metric.Meter) (i instruments, err error) {
	var all []error

	count := func(name, about string) metric.Int64Counter {
		c, err := m.Int64Counter(name, metric.WithDescription(about))
		all = append(all, err)

		return c
	}
	took := func(name, about string, bounds metric.HistogramOption) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, metric.WithDescription(about), metric.WithUnit("s"), bounds)
		all = append(all, err)

		return h
	}
	i = instruments{
		meter:        m,
		kinds:        &sync.Map{},
		submits:      count(keys.Submits, "Submits by outcome"),
		jobs:         count(keys.JobsEnded, "Jobs whose end this process observed"),
		jobTook:      took(keys.JobDuration, "From a job's submit to its end", jobBounds),
		stageTook:    took(keys.StageDuration, "From a stage's start to its end", jobBounds),
		attempts:     count(keys.TaskAttempts, "Attempts of tasks that ended in this process"),
		taskTook:     took(keys.TaskDuration, "From an attempt's start to its end", taskBounds),
		sweeps:       count(keys.Sweeps, "Sweeps of this process"),
		sweepActions: count(keys.SweepActions, "Repairs by sweeps of this process"),
		missed:       count(keys.Missed, "Ended jobs that could not be read in time to be counted"),
	}

	return i, errors.Join(all...)
}

// Submitted counts a submit by its outcome.
func (t *Telemetry) Submitted(jobType, outcome string) {
	if t == nil {
		return
	}

	t.submits.Add(
		context.Background(),
		1,
		metric.WithAttributes(
			attribute.String(keys.JobType, jobType),
			attribute.String(keys.Outcome, outcome),
		),
	)
}

// attemptKind identifies the attributes of an attempt.
type attemptKind struct {
	taskType string
	status   state.TaskStatus
	code     state.Code
}

// attemptOptions are the cached attributes of a kind, because every task counts
// an attempt.
type attemptOptions struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

func (i *instruments) attempted(kind attemptKind, took time.Duration) {
	known, ok := i.kinds.Load(kind)
	if !ok {
		of := attribute.String(keys.TaskType, kind.taskType)
		known, _ = i.kinds.LoadOrStore(kind, &attemptOptions{
			add: []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(
				of,
				attribute.String(keys.Status, outcomeOf(kind.status, kind.code)),
				attribute.String(keys.Code, string(kind.code)),
			))},
			record: []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(of))},
		})
	}

	options, ctx := known.(*attemptOptions), context.Background()
	i.attempts.Add(ctx, 1, options.add...)
	i.taskTook.Record(ctx, took.Seconds(), options.record...)
}

func (i *instruments) jobEnded(j view.EndedJob) {
	ctx := context.Background()
	about := metric.WithAttributeSet(
		attribute.NewSet(
			attribute.String(keys.JobType, j.JobType),
			attribute.String(keys.Status, string(j.Status)),
		),
	)
	i.jobs.Add(ctx, 1, about)
	i.jobTook.Record(ctx, j.FinishedAt.Sub(j.Began()).Seconds(), about)

	for _, s := range j.Stages {
		if s.StartedAt == nil || !j.Ran(s) {
			continue
		}

		i.stageTook.Record(
			ctx,
			s.FinishedAt.Sub(*s.StartedAt).Seconds(),
			metric.WithAttributes(attribute.String(keys.JobType, j.JobType),
				attribute.String(keys.Stage, s.Name), attribute.String(keys.Status, string(s.Status))),
		)
	}
}

// Missed counts ended jobs that could not be read.
func (t *Telemetry) Missed(n int) {
	if t != nil {
		t.missed.Add(context.Background(), int64(n))
	}
}

// Swept counts a sweep and its actions.
func (t *Telemetry) Swept(found state.SweepFound, err error) {
	if t == nil {
		return
	}

	ctx, outcome := context.Background(), "ok"
	if err != nil {
		outcome = "failed"
	}

	t.sweeps.Add(ctx, 1, metric.WithAttributes(attribute.String(keys.Outcome, outcome)))

	for action, n := range map[string]int{
		"lost":       found.Lost,
		"dead":       found.Dead,
		"resent":     found.Resent,
		"repaired":   found.Repaired,
		"expired":    found.Expired,
		"purged":     found.Purged,
		"superseded": found.Superseded,
		"logs":       found.Logs,
	} {
		t.sweepActions.Add(ctx, int64(n), metric.WithAttributes(attribute.String(keys.Action, action)))
	}
}
