package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger writes records of at least level (debug, info, warn, error) to w: as single-line JSON, which is what the Functions host
// takes for one log record, or as text for people. An unknown level is info.
func NewLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if l.UnmarshalText([]byte(level)) != nil {
		l = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: l}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
