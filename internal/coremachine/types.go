package coremachine

import (
	"encoding/json"
	"time"

	"coremachine/internal/state"
)

// SubmitRequest asks for a run of a job.
type SubmitRequest struct {
	Type        string
	Body        []byte // parameters as JSON; empty: all defaults
	Rerun       bool   // run a completed job again
	DryRun      bool   // check and plan, write nothing
	Traceparent string // W3C trace context; empty: none
	By          string // who asks, for the timeline
	CallbackURL string // notified when the job ends, checked by the caller; empty: none

	RunKey  string        // the rest of the identity of the job; empty: none
	StartAt time.Time     // start then; zero: immediately
	Delay   time.Duration // start after it, by the time of the database; not together with StartAt
}

// SubmitResult says what a submit found or started.
type SubmitResult struct {
	JobID      state.JobID
	Status     state.JobStatus // empty: a dry run, and no such job
	Attempt    int             // 0 likewise
	Created    bool            // the job is new
	Started    bool            // this call started a run
	StartAt    *time.Time      // when a job that waits for its start starts
	Parameters json.RawMessage // canonical, defaults applied
	Plan       []PlannedStage  // of a dry run
}

// PlannedStage is the result of a dry run for one stage.
type PlannedStage struct {
	Name    string `json:"name"`
	Tasks   *int   `json:"tasks"` // null: known only when the stage is planned
	Skipped bool   `json:"skipped"`
}
