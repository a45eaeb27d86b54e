package telemetry

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"coremachine/internal/telemetry/keys"
)

// NewLogger returns a logger that writes records of at least the level (debug,
// info, warn, error) to w. The format is text, or JSON in single lines, which
// the Functions host reads as one log record each. An unknown level means info.
func NewLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if l.UnmarshalText([]byte(level)) != nil {
		l = slog.LevelInfo
	}

	o := &slog.HandlerOptions{Level: l}
	if format == "text" {
		return slog.New(spanHandler{slog.NewTextHandler(w, o)})
	}

	return slog.New(spanHandler{slog.NewJSONHandler(w, o)})
}

// spanHandler adds the span ID of the record's context. It does not add the
// trace ID, because the logger of every task has that field, with or without a
// span.
type spanHandler struct{ slog.Handler }

// Handle adds the span ID and passes the record on.
func (h spanHandler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String(keys.SpanID, span.SpanID().String()))
	}

	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h spanHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return spanHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h spanHandler) WithGroup(name string) slog.Handler {
	return spanHandler{h.Handler.WithGroup(name)}
}
