package view

import (
	"time"

	"coremachine/internal/state"
)

// TaskLogView holds the log lines of one attempt that are kept.
type TaskLogView struct {
	Attempt  int             `json:"attempt"`
	LoggedAt time.Time       `json:"logged_at"` // when the end of the attempt was recorded
	Dropped  int             `json:"dropped"`   // earlier lines that were not kept
	Lines    []state.LogLine `json:"lines"`     // oldest first
}
