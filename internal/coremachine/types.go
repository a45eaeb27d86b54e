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

	RunKey  string            // the rest of the identity of the job; empty: none
	Tags    map[string]string // of the run that the submit starts, see state.CheckTags; nil: none
	StartAt time.Time         // start then; zero: immediately
	Delay   time.Duration     // start after it, by the time of the database; not together with StartAt
}

// TriggerRequest asks for a job of a schedule outside its slots.
type TriggerRequest struct {
	Name        string // of the schedule
	Key         string // makes repeats find the same job; empty: each call starts one
	By          string // who asks, for the timeline
	Traceparent string // W3C trace context; empty: none
}

// SubmitResult says what a submit found or started.
type SubmitResult struct {
	JobID      state.JobID
	RunKey     string          // of the job; empty: none
	Status     state.JobStatus // empty: a dry run, and no such job
	Attempt    int             // 0 likewise
	Created    bool            // the job is new
	Started    bool            // this call started a run
	StartAt    *time.Time      // when a job that waits for its start starts
	Parameters json.RawMessage // canonical, defaults applied
	Plan       []PlannedStage  // of a dry run
}

// Types of answers that callers of the API read too.
type (
	// JobType is a registered job.
	JobType = state.JobType
	// StageType is a stage as declared.
	StageType = state.StageType
	// PlannedStage is the result of a dry run for one stage.
	PlannedStage = state.PlannedStage
	// Backfilled is the result of a backfill.
	Backfilled = state.Backfilled
)
