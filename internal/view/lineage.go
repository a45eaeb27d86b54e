package view

import "coremachine/internal/state"

// MaxTaskLinks bounds the tasks of one stage that a task's lineage names.
const MaxTaskLinks = 20

// TaskLinks is a stage on one side of a task: one that its input may come from,
// or one that its result may go to.
type TaskLinks struct {
	Stage       string            `json:"stage"`
	StageStatus state.StageStatus `json:"stage_status"`
	Relation    Relation          `json:"relation"`
	Count       int               `json:"count"` // tasks concerned, as far as they are planned
	Tasks       []TaskLink        `json:"tasks"` // the first of them, at most MaxTaskLinks
}

// TaskLink is a task in a TaskLinks, which names the stage of the task.
type TaskLink struct {
	Index  int              `json:"index"`
	Status state.TaskStatus `json:"status"`
}

// Relation is how tasks of a stage are made from a stage that it depends on.
type Relation string

// The relations of stages. Which result a planned task was made from is not
// recorded.
const (
	RelationFollows Relation = "follows" // one by one, by index
	RelationPlanned Relation = "planned" // each task is planned from one of the results
	RelationGathers Relation = "gathers" // one task reads all results
	RelationAfter   Relation = "after"   // it waits for them, and may read them
)
