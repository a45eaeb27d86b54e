package view

import (
	"time"

	"coremachine/internal/state"
)

// StageTimes holds the durations of the completed tasks of a stage, estimated
// from a sample of them.
type StageTimes struct {
	Stage  string  `json:"stage"`
	P50    float64 `json:"p50_seconds"`
	P95    float64 `json:"p95_seconds"`
	Sample int     `json:"sample"` // number of tasks in the sample
}

// TaskSpan is when a task ran that has ended.
type TaskSpan struct {
	Stage      string           `json:"stage"`
	Index      int              `json:"index"`
	Status     state.TaskStatus `json:"status"`
	StartedAt  time.Time        `json:"started_at"`
	FinishedAt time.Time        `json:"finished_at"`
}

// MaxSlowest is the maximum number of slowest tasks in the view of a job.
const MaxSlowest = 20
