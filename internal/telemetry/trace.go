package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
	"coremachine/internal/view"
)

// Run starts the span of a submit or a retry. It returns the trace context to
// store with the job, or "" for the stored one, and a function that ends the
// span. A sampled context of the caller is continued. One that is not sampled
// starts a new trace, because the Functions host sends such a context if it
// does not trace.
func (t *Telemetry) Run(
	ctx context.Context,
	name, traceparent string,
) (stored string, end func(id state.JobID, outcome string, err error)) {
	if t == nil || t.tracer == nil {
		return traceparent, func(state.JobID, string, error) {}
	}

	if caller := parseTraceparent(traceparent); caller.IsSampled() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, caller)
	}

	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindProducer))

	return traceparentOf(ctx), func(id state.JobID, outcome string, err error) {
		span.SetAttributes(attribute.String(keys.Outcome, outcome))

		if err != nil {
			span.SetStatus(codes.Error, string(state.CodeOf(err)))
		} else {
			span.SetAttributes(attribute.String(keys.JobID, id.String()))
		}

		span.End()
	}
}

// Began starts the span of an attempt, as a child of its stage.
func (t *Telemetry) Began(ctx context.Context, h *state.ClaimedMessage, index int, at time.Time) context.Context {
	if t.tracer == nil {
		return ctx
	}

	job := parseTraceparent(h.Traceparent)
	if !job.IsSampled() {
		return ctx
	}

	parent := job.WithSpanID(stageSpan(h.Traceparent, h.Stage, h.Gen)).WithRemote(true)
	ctx, _ = t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, parent), keys.SpanTask+" "+h.TaskType,
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(at), trace.WithAttributes(
			attribute.String(
				keys.JobID,
				h.JobID.String(),
			),
			attribute.String(keys.JobType, h.JobType),
			attribute.String(keys.Stage, h.StageName),
			attribute.String(
				keys.TaskType,
				h.TaskType,
			),
			attribute.Int(keys.Index, index),
			attribute.Int(keys.Attempt, h.Attempt),
		))

	return ctx
}

// Ended ends the span of an attempt and counts it.
func (t *Telemetry) Ended(
	ctx context.Context,
	h *state.ClaimedMessage,
	_ int,
	from, to time.Time,
	status state.TaskStatus,
	code state.Code,
) {
	t.attempted(attemptKind{h.TaskType, status, code}, to.Sub(from))

	if t.tracer == nil {
		return
	}

	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}

	span.SetAttributes(attribute.String(keys.Status, outcomeOf(status, code)))

	if code != "" {
		span.SetAttributes(attribute.String(keys.Code, string(code)))
		span.SetStatus(codes.Error, string(code))
	}

	span.End(trace.WithTimestamp(to))
}

// outcomeOf returns the outcome of an attempt: completed, failed, retried or
// cut_off.
func outcomeOf(status state.TaskStatus, code state.Code) string {
	switch {
	case code == state.CodeUnavailable:
		return "cut_off"
	case status == state.TaskQueued:
		return "retried"
	}

	return string(status)
}

// JobEnded counts a job that has ended and exports the spans of the job and of
// its stages.
func (t *Telemetry) JobEnded(j view.EndedJob) {
	if t == nil || !j.Status.Ended() || j.FinishedAt == nil {
		return // the job runs again
	}

	t.jobEnded(j)

	run := parseTraceparent(j.Traceparent)
	if t.tracer == nil || !run.IsSampled() {
		return
	}

	ctx := trace.ContextWithRemoteSpanContext(context.Background(), run)

	job := t.emitSpan(
		ctx,
		jobSpan(j.Traceparent, j.Attempt),
		keys.SpanJob+" "+j.JobType,
		j.Began(),
		*j.FinishedAt,
		j.Status == state.JobFailed || j.Status == state.JobCompletedWithErrors,
		string(j.Status),
		attribute.String(
			keys.JobID,
			j.JobID.String(),
		),
		attribute.String(keys.JobType, j.JobType),
		attribute.Int(keys.Attempt, j.Attempt),
	)
	for _, s := range j.Stages {
		if !j.Ran(s) {
			continue
		}

		// The stage has no start if it was skipped, or ended before it started.
		from := *s.FinishedAt
		if s.StartedAt != nil {
			from = *s.StartedAt
		}

		t.emitSpan(
			job,
			stageSpan(j.Traceparent, s.Stage, s.Gen),
			keys.SpanStage+" "+s.Name,
			from,
			*s.FinishedAt,
			s.Status == state.StageFailed,
			string(s.Status),
			attribute.String(
				keys.JobID,
				j.JobID.String(),
			),
			attribute.String(keys.JobType, j.JobType),
			attribute.String(keys.Stage, s.Name),
			attribute.String(
				keys.TaskType,
				s.TaskType,
			),
			attribute.Int(keys.Gen, s.Gen),
			attribute.Int(keys.Tasks, s.Tasks),
		)
	}
}

// emitSpan exports a span that has ended and returns the context for its
// children.
func (t *Telemetry) emitSpan(
	ctx context.Context,
	id trace.SpanID,
	name string,
	from, to time.Time,
	bad bool,
	status string,
	about ...attribute.KeyValue,
) context.Context {
	ctx, span := t.tracer.Start(context.WithValue(ctx, spanIDKey{}, id), name, trace.WithTimestamp(from),
		trace.WithAttributes(append(about, attribute.String(keys.Status, status))...))
	if bad {
		span.SetStatus(codes.Error, status)
	}

	span.End(trace.WithTimestamp(to))

	return ctx
}
