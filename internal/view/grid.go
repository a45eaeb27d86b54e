package view

import (
	"time"

	"coremachine/internal/state"
)

// MaxGridCells is the most cells of a grid: above it a cell stands for 10
// tasks, 100, and so on.
const MaxGridCells = 10_000

// GridView is the tasks of a stage's current generation in the order of their
// indexes, run by run.
type GridView struct {
	JobID  state.JobID       `json:"job_id"`
	Stage  string            `json:"stage"`
	Gen    int               `json:"gen"`
	Status state.StageStatus `json:"status"`
	Tasks  TaskCounts        `json:"tasks"`
	Cell   int               `json:"tasks_per_cell"` // a power of ten; every range but the last is a multiple of it
	Ranges []GridRange       `json:"ranges"`         // neighbours differ in status
	At     time.Time         `json:"at"`             // when it was counted
	// The stage has ended: it changes no more, unless the job runs again.
	Final bool `json:"final"`
}

// GridRange is tasks of equal status, or cells of equal worst status.
type GridRange struct {
	First  int        `json:"first"` // index
	Count  int        `json:"count"`
	Status GridStatus `json:"status"`
}

// GridStatus is the worst of the tasks of a cell.
type GridStatus string

// The statuses of cells, the worst first. A retrying task is queued again after
// a failure or a loss; a cell is partly_completed when some of its tasks are
// completed and the others queued.
const (
	GridFailed    GridStatus = "failed"
	GridRetrying  GridStatus = "retrying"
	GridRunning   GridStatus = "running"
	GridCancelled GridStatus = "cancelled"
	GridCompleted GridStatus = "completed"
	GridPartly    GridStatus = "partly_completed"
	GridQueued    GridStatus = "queued"
)

// GridCell is how many tasks a cell of a grid stands for.
func GridCell(tasks int) int {
	cell := 1
	for tasks > cell*MaxGridCells {
		cell *= 10
	}

	return cell
}
