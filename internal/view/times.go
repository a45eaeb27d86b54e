package view

import (
	"time"

	"coremachine/internal/state"
)

// StageTimes is how long the tasks of a stage took that completed, as far as a
// sample of them tells.
type StageTimes struct {
	Stage  string  `json:"stage"`
	P50    float64 `json:"p50_seconds"`
	P95    float64 `json:"p95_seconds"`
	Sample int     `json:"sample"` // how many tasks were looked at
}

// TaskSpan is when a task ran that has ended.
type TaskSpan struct {
	Stage      string           `json:"stage"`
	Index      int              `json:"index"`
	Status     state.TaskStatus `json:"status"`
	StartedAt  time.Time        `json:"started_at"`
	FinishedAt time.Time        `json:"finished_at"`
}

// MaxSlowest bounds the slowest tasks that are told of a job.
const MaxSlowest = 20
