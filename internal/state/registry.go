package state

import (
	"encoding/json"
	"slices"
)

// JobType is a registered job, as callers see it.
type JobType struct {
	Name        string          `json:"job_type"`
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`     // JSON Schema (2020-12) of the parameters
	Searchable  []string        `json:"searchable"` // paths of the parameters that jobs are found by
	Stages      []StageType     `json:"stages"`
	// Show lists the members of the result that are pictures or tables.
	Show []Display `json:"show,omitempty"`
}

// NeedsParameters reports whether a submit without parameters is rejected.
func (t *JobType) NeedsParameters() bool {
	var schema struct {
		Required []string `json:"required"`
	}

	return json.Unmarshal(t.Schema, &schema) != nil || len(schema.Required) > 0
}

// FindType returns the job type of a name.
func FindType(types []JobType, name string) (t JobType, found bool) {
	i := slices.IndexFunc(types, func(t JobType) bool { return t.Name == name })
	if i < 0 {
		return JobType{}, false
	}

	return types[i], true
}

// Display is a member of a job's result that the dashboard shows as more than
// JSON.
type Display struct {
	Kind DisplayKind `json:"kind"`
	// Path names the member. Names of nested members are separated by dots.
	Path string `json:"path"`
}

// DisplayKind says how a Display is shown.
type DisplayKind string

// The kinds of displays.
const (
	DisplayImage DisplayKind = "image"
	DisplayTable DisplayKind = "table"
)

// StageType is a stage as declared.
type StageType struct {
	Name        string      `json:"name"`
	TaskType    string      `json:"task_type"`
	Kind        Parallelism `json:"kind"`
	DependsOn   []string    `json:"depends_on"` // names
	Queue       string      `json:"queue"`
	MaxAttempts int         `json:"max_attempts"` // tries of a task, the first included
	Finally     bool        `json:"finally"`      // it runs after the outcome of the job is decided
}

// PlannedStage is the result of a dry run for one stage.
type PlannedStage struct {
	Name    string `json:"name"`
	Tasks   *int   `json:"tasks"` // null: known only when the stage is planned
	Skipped bool   `json:"skipped"`
}

// Backfilled is the result of a backfill of a schedule.
type Backfilled struct {
	Slots   int `json:"slots"`   // slots of the range
	Created int `json:"created"` // jobs that the call started; the other slots had theirs
}
