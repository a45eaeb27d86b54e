package telemetry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// ids makes random ids, but for a span whose context carries the id that it is
// to have.
type ids struct{}

type wantedSpan struct{}

// NewIDs makes a new trace's ids.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	var t trace.TraceID

	_, _ = rand.Read(t[:]) // it never fails

	return t, ids{}.NewSpanID(ctx, t)
}

// NewSpanID makes the id of a span within a trace.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if want, ok := ctx.Value(wantedSpan{}).(trace.SpanID); ok {
		return want
	}

	var s trace.SpanID

	_, _ = rand.Read(s[:]) // it never fails

	return s
}

// derive is the id of a span that several processes know before any has told
// it.
func derive(traceparent, format string, args ...any) trace.SpanID {
	sum := sha256.Sum256(fmt.Appendf([]byte(traceparent+" "), format, args...))
	return trace.SpanID(sum[:8])
}

func stageSpan(traceparent string, stage, gen int) trace.SpanID {
	return derive(traceparent, "stage %d gen %d", stage, gen)
}

func jobSpan(traceparent string, attempt int) trace.SpanID {
	return derive(traceparent, "job attempt %d", attempt)
}

// parsed is the context that a traceparent names; invalid where there is none.
func parsed(traceparent string) trace.SpanContext {
	if traceparent == "" {
		return trace.SpanContext{}
	}

	ctx := propagation.TraceContext{}.Extract(
		context.Background(),
		propagation.MapCarrier{"traceparent": traceparent},
	)

	return trace.SpanContextFromContext(ctx)
}

// written is the traceparent of a context.
func written(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)

	return carrier["traceparent"]
}
