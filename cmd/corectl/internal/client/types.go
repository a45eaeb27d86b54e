package client

import (
	"encoding/json"
	"time"

	"coremachine/internal/state"
)

// Job is a job's status. A list leaves out Stages, Result and Error.
type Job struct {
	JobID             string          `json:"job_id"`
	JobType           string          `json:"job_type"`
	Status            state.JobStatus `json:"status"`
	Attempt           int             `json:"attempt"`
	Version           string          `json:"version"` // opaque; changes with whatever a reader could see
	Parameters        json.RawMessage `json:"parameters"`
	CreatedAt         time.Time       `json:"created_at"`
	StartedAt         *time.Time      `json:"started_at"`
	FinishedAt        *time.Time      `json:"finished_at"`
	CancelRequestedAt *time.Time      `json:"cancel_requested_at"`
	Tasks             Counts          `json:"tasks"`
	Stages            []Stage         `json:"stages"`
	Result            json.RawMessage `json:"result"`
	Error             *state.Failure  `json:"error"`
	Errors            []ErrorGroup    `json:"errors"`
}

// ErrorGroup is how often an error of one kind ended a task.
type ErrorGroup struct {
	Stage   string `json:"stage"`
	Message string `json:"message"`
	Count   int    `json:"count"`
}

// Sweep is what one pass over stalled work found and did.
type Sweep struct {
	StartedAt time.Time      `json:"started_at"`
	EndedAt   *time.Time     `json:"ended_at"`
	Found     map[string]int `json:"found"`
}

// Queue is one queue.
type Queue struct {
	Queue string `json:"queue"`
	Dead  int    `json:"dead"`
}

// DeadLetter is a message that nobody will be sent again.
type DeadLetter struct {
	MessageID  int64     `json:"message_id"`
	JobID      string    `json:"job_id"`
	Queue      string    `json:"queue"`
	Stage      int       `json:"stage"`
	First      int       `json:"first"`
	Count      int       `json:"count"`
	Deliveries int       `json:"deliveries"`
	Reason     string    `json:"reason"`
	Since      time.Time `json:"since"`
	Wanted     bool      `json:"wanted"` // whether the work that it stands for is still to be done
}

// Counts are tasks by status. Total is what is planned so far, and final once every stage is planned.
type Counts struct {
	Total     int `json:"total"`
	Queued    int `json:"queued"`
	Running   int `json:"running"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
}

// Ended is how many will not change any more.
func (c Counts) Ended() int { return c.Completed + c.Failed + c.Cancelled }

// Stage is one stage of a job.
type Stage struct {
	Stage      int               `json:"stage"`
	Name       string            `json:"name"`
	Kind       state.Parallelism `json:"kind"`
	Status     state.StageStatus `json:"status"`
	Planned    bool              `json:"planned"` // whether the total is final
	Tasks      Counts            `json:"tasks"`
	StartedAt  *time.Time        `json:"started_at"`
	FinishedAt *time.Time        `json:"finished_at"`
	Error      *state.Failure    `json:"error"`
}

// Task is one task of a list.
type Task struct {
	JobID       string           `json:"job_id"`
	Stage       string           `json:"stage"`
	Index       int              `json:"index"`
	Status      state.TaskStatus `json:"status"`
	Attempt     int              `json:"attempt"`
	Failures    int              `json:"failures"`
	MaxAttempts int              `json:"max_attempts"`
	StartedAt   *time.Time       `json:"started_at"`
	FinishedAt  *time.Time       `json:"finished_at"`
	Error       string           `json:"error"`
}

// Event is one entry of a job's history.
type Event struct {
	EventID int64           `json:"event_id"`
	At      time.Time       `json:"at"`
	Kind    string          `json:"kind"`
	Stage   string          `json:"stage"`
	Index   *int            `json:"index"`
	Attempt int             `json:"attempt"`
	Message string          `json:"message"`
	Detail  json.RawMessage `json:"detail"`
}

// Submission is the answer to a submit.
type Submission struct {
	JobID      string          `json:"job_id"`
	JobType    string          `json:"job_type"`
	Status     state.JobStatus `json:"status"`
	Attempt    int             `json:"attempt"`
	Created    bool            `json:"created"`
	Parameters json.RawMessage `json:"parameters"`
	Stages     []Stage         `json:"stages"` // of a dry run: what would be planned
}

// JobType is a registered job.
type JobType struct {
	JobType     string          `json:"job_type"`
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"` // JSON Schema of the parameters
	Stages      []Stage         `json:"stages"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"` // empty: the last page
}

// Redrive counts what became of dead letters, or would.
type Redrive struct {
	Redriven int `json:"redriven"`
	Dropped  int `json:"dropped"`
}
