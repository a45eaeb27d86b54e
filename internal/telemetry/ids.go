package telemetry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// idGenerator generates random IDs. If the context carries a span ID, the span
// gets that one.
type idGenerator struct{}

type spanIDKey struct{}

// NewIDs generates the IDs of a new trace.
func (idGenerator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	var t trace.TraceID

	_, _ = rand.Read(t[:]) // never fails

	return t, idGenerator{}.NewSpanID(ctx, t)
}

// NewSpanID generates the ID of a span within a trace.
func (idGenerator) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if want, ok := ctx.Value(spanIDKey{}).(trace.SpanID); ok {
		return want
	}

	var s trace.SpanID

	_, _ = rand.Read(s[:]) // never fails

	return s
}

// deriveSpanID returns the ID of a span that several processes refer to before
// it is exported.
func deriveSpanID(traceparent, format string, args ...any) trace.SpanID {
	sum := sha256.Sum256(fmt.Appendf([]byte(traceparent+" "), format, args...))
	return trace.SpanID(sum[:8])
}

func stageSpan(traceparent string, stage, gen int) trace.SpanID {
	return deriveSpanID(traceparent, "stage %d gen %d", stage, gen)
}

func jobSpan(traceparent string, attempt int) trace.SpanID {
	return deriveSpanID(traceparent, "job attempt %d", attempt)
}

// parseTraceparent returns the span context of a traceparent, or an invalid one
// if there is none.
func parseTraceparent(traceparent string) trace.SpanContext {
	if traceparent == "" {
		return trace.SpanContext{}
	}

	ctx := propagation.TraceContext{}.Extract(
		context.Background(),
		propagation.MapCarrier{"traceparent": traceparent},
	)

	return trace.SpanContextFromContext(ctx)
}

// traceparentOf returns the traceparent of a context.
func traceparentOf(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)

	return carrier["traceparent"]
}
