package view

import (
	"encoding/json"
	"time"

	"coremachine/internal/state"
)

// Submission is the answer to a submit.
type Submission struct {
	JobID   state.JobID `json:"job_id"`
	JobType string      `json:"job_type"`
	RunKey  string      `json:"run_key,omitempty"`
	// Omitted in a dry run of a job that does not exist.
	Status     state.JobStatus `json:"status,omitempty"`
	Attempt    int             `json:"attempt,omitempty"`    // as for Status
	Created    bool            `json:"created"`              // the job is new
	StartAt    *time.Time      `json:"start_at,omitempty"`   // of a job whose start is delayed
	StatusURL  string          `json:"status_url,omitempty"` // as for Status
	Parameters json.RawMessage `json:"parameters"`           // canonical, with defaults applied

	Plan []state.PlannedStage `json:"plan,omitempty"` // set in a dry run
}

// JobRef names a job and its URL.
type JobRef struct {
	JobID     state.JobID     `json:"job_id"`
	Status    state.JobStatus `json:"status"`
	Attempt   int             `json:"attempt"`
	StatusURL string          `json:"status_url"`
}

// JobTags is the answer to a change of tags.
type JobTags struct {
	JobID state.JobID       `json:"job_id"`
	Tags  map[string]string `json:"tags"` // all of the job
}

// Retried is the answer to a retry.
type Retried struct {
	JobRef
	Tasks  int `json:"tasks"`  // failed and cancelled tasks that run again
	Stages int `json:"stages"` // stages that run from the start
}

// Redriven counts redriven and dropped dead letters, also in a dry run.
type Redriven struct {
	Redriven int `json:"redriven"` // redriven, because their work has not ended
	Dropped  int `json:"dropped"`  // redriven and dropped, because their work has ended
}
