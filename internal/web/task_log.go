package web

import (
	"context"
	"encoding/json"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Bounds of the log lines on the page of a task. The download has the others.
const (
	shownLogs  = 5
	shownLines = 100
)

// taskLog is the log of one attempt.
type taskLog struct {
	Try     int // 0: not known, because the attempt is not recorded any more
	Earlier int // lines before those that the page shows
	Dropped int // lines that were not kept
	Lines   []logLine
}

// logLine is one line that a handler logged.
type logLine struct {
	state.LogLine
	Look string // a key of looks; empty: an ordinary line
}

// levels maps the levels that stand out to their looks.
var levels = map[string]string{"ERROR": "failed", "WARN": "late"}

// taskLogs returns the last lines of the last attempts of a task.
func taskLogs(task view.TaskView, logs []view.TaskLogView) []taskLog {
	var shown []taskLog

	for _, l := range logs[:min(len(logs), shownLogs)] {
		one := taskLog{Try: task.TryOf(l.Attempt), Dropped: l.Dropped, Earlier: max(0, len(l.Lines)-shownLines)}

		for _, line := range l.Lines[one.Earlier:] {
			one.Lines = append(one.Lines, logLine{line, levels[line.Level]})
		}

		shown = append(shown, one)
	}

	return shown
}

// loadTaskLogs returns all lines that are kept of a task.
func loadTaskLogs(ctx context.Context, s *Server, in *input) (json.RawMessage, error) {
	id, index, err := rawTaskOf(in)
	if err != nil {
		return nil, err
	}

	logs, err := s.Reader.ReadTaskLogs(ctx, id, in.params["stage"], index)
	if err != nil {
		return nil, err
	}

	return json.Marshal(logs)
}
