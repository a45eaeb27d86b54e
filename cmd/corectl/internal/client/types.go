package client

import (
	"encoding/json"
	"time"

	"coremachine/internal/state"
)

// Answers that are records have types of internal/view: view.JobView,
// view.TaskSummary and others.

// Submission is the answer to a submit.
type Submission struct {
	JobID      state.JobID     `json:"job_id"`
	JobType    string          `json:"job_type"`
	Status     state.JobStatus `json:"status"`
	Attempt    int             `json:"attempt"`
	Created    bool            `json:"created"`
	StartAt    *time.Time      `json:"start_at"` // of a delayed job
	Parameters json.RawMessage `json:"parameters"`
	Plan       []PlannedStage  `json:"plan"` // planned stages of a dry run
}

// PlannedStage is the part of a dry run's answer about one stage.
type PlannedStage struct {
	Name    string `json:"name"`
	Skipped bool   `json:"skipped"`
	Tasks   *int   `json:"tasks"` // nil if it depends on the results of dependencies
}

// JobType is a registered job.
type JobType struct {
	JobType     string          `json:"job_type"`
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"` // JSON Schema of the parameters
	Stages      []TypeStage     `json:"stages"`
}

// TypeStage is a stage as declared.
type TypeStage struct {
	Name        string            `json:"name"`
	Kind        state.Parallelism `json:"kind"`
	MaxAttempts int               `json:"max_attempts"` // attempts of a task, including the first
}

// Health is the health report of a process.
type Health struct {
	Status   string   `json:"status"` // ok, degraded or unavailable
	Version  string   `json:"version"`
	Problems []string `json:"problems"`
	Checks   map[string]struct {
		Status  string `json:"status"` // ok, failed or timeout
		Message string `json:"message"`
		Runbook string `json:"runbook"` // runbook entry; empty if the status is ok
	} `json:"checks"`
}

// Retried is the answer to a retry.
type Retried struct {
	Attempt int `json:"attempt"`
	Tasks   int `json:"tasks"`  // failed and cancelled tasks that run again
	Stages  int `json:"stages"` // stages that run from the start
}

// Redrive counts redriven and dropped dead letters, also in a dry run.
type Redrive struct {
	Redriven int `json:"redriven"`
	Dropped  int `json:"dropped"`
}

// Backfilled is the answer to a backfill of a schedule.
type Backfilled struct {
	Slots   int `json:"slots"`
	Created int `json:"created"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"` // empty on the last page
}
