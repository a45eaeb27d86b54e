package telemetry

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"coremachine/internal/telemetry/keys"
)

// NewLogger writes records of at least level (debug, info, warn, error) to w:
// as single-line JSON, which is what the Functions host takes for one log
// record, or as text for people. An unknown level is info.
func NewLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if l.UnmarshalText([]byte(level)) != nil {
		l = slog.LevelInfo
	}

	o := &slog.HandlerOptions{Level: l}
	if format == "text" {
		return slog.New(spanned{slog.NewTextHandler(w, o)})
	}

	return slog.New(spanned{slog.NewJSONHandler(w, o)})
}

// spanned adds the span that a record's context is in. The trace is a field of
// every task's logger, with or without a span.
type spanned struct{ slog.Handler }

// Handle adds the field and passes the record on.
func (h spanned) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String(keys.SpanID, span.SpanID().String()))
	}

	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the span.
func (h spanned) WithAttrs(attrs []slog.Attr) slog.Handler {
	return spanned{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the span.
func (h spanned) WithGroup(name string) slog.Handler { return spanned{h.Handler.WithGroup(name)} }
