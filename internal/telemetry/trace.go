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

// Run begins the span of a submit or a retry, and returns the trace context to
// store with the job, "" for the one that is stored, and what ends the span. A
// caller's context that is sampled goes on; one that is not begins a trace of
// its own, since the Functions host sends such a context where nobody listens
// to it.
func (t *Telemetry) Run(
	ctx context.Context,
	name, traceparent string,
) (stored string, end func(id state.JobID, outcome string, err error)) {
	if t == nil || t.tracer == nil {
		return traceparent, func(state.JobID, string, error) {}
	}

	if caller := parsed(traceparent); caller.IsSampled() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, caller)
	}

	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindProducer))

	return written(ctx), func(id state.JobID, outcome string, err error) {
		span.SetAttributes(attribute.String(keys.Outcome, outcome))

		if err != nil {
			span.SetStatus(codes.Error, string(state.CodeOf(err)))
		} else {
			span.SetAttributes(attribute.String(keys.JobID, id.String()))
		}

		span.End()
	}
}

// Began begins the span of an attempt, below its stage's.
func (t *Telemetry) Began(ctx context.Context, h *state.ClaimedMessage, index int, at time.Time) context.Context {
	if t.tracer == nil {
		return ctx
	}

	job := parsed(h.Traceparent)
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

	span.SetAttributes(attribute.String(keys.Status, word(status, code)))

	if code != "" {
		span.SetAttributes(attribute.String(keys.Code, string(code)))
		span.SetStatus(codes.Error, string(code))
	}

	span.End(trace.WithTimestamp(to))
}

// word is what became of an attempt: completed, failed, retried or cut_off.
func word(status state.TaskStatus, code state.Code) string {
	switch {
	case code == state.CodeUnavailable:
		return "cut_off"
	case status == state.TaskQueued:
		return "retried"
	}

	return string(status)
}

// JobEnded counts a job that has ended and tells the spans of the job and of
// its stages.
func (t *Telemetry) JobEnded(j view.EndedJob) {
	if t == nil || !j.Status.Ended() || j.FinishedAt == nil {
		return // it runs again by now
	}

	t.jobEnded(j)

	run := parsed(j.Traceparent)
	if t.tracer == nil || !run.IsSampled() {
		return
	}

	ctx := trace.ContextWithRemoteSpanContext(context.Background(), run)

	job := t.tell(
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

		from := *s.FinishedAt // where it never started: it was skipped, or ended before its turn
		if s.StartedAt != nil {
			from = *s.StartedAt
		}

		t.tell(
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

// tell tells a whole span after the fact and returns the context below it.
func (t *Telemetry) tell(
	ctx context.Context,
	id trace.SpanID,
	name string,
	from, to time.Time,
	bad bool,
	status string,
	about ...attribute.KeyValue,
) context.Context {
	ctx, span := t.tracer.Start(context.WithValue(ctx, wantedSpan{}, id), name, trace.WithTimestamp(from),
		trace.WithAttributes(append(about, attribute.String(keys.Status, status))...))
	if bad {
		span.SetStatus(codes.Error, status)
	}

	span.End(trace.WithTimestamp(to))

	return ctx
}
