package state

// JobStatus is the state of one run of a job.
type JobStatus string

// Job statuses.
const (
	JobQueued              JobStatus = "queued"
	JobRunning             JobStatus = "running"
	JobCompleted           JobStatus = "completed"
	JobCompletedWithErrors JobStatus = "completed_with_errors"
	JobFailed              JobStatus = "failed"
	JobCancelled           JobStatus = "cancelled"
)

// JobStatuses lists every job status in the order in which people read them.
var JobStatuses = []JobStatus{
	JobQueued,
	JobRunning,
	JobCompleted,
	JobCompletedWithErrors,
	JobFailed,
	JobCancelled,
}

// Ended reports whether only a rerun or a retry can change the status.
func (s JobStatus) Ended() bool {
	switch s {
	case JobCompleted, JobCompletedWithErrors, JobFailed, JobCancelled:
		return true
	case JobQueued, JobRunning:
		return false
	}

	return false
}

// StageStatus is the state of one stage of a run.
type StageStatus string

// Stage statuses.
const (
	StageWaiting   StageStatus = "waiting" // for its dependencies
	StageRunning   StageStatus = "running" // being planned, or its tasks run
	StageCompleted StageStatus = "completed"
	StageFailed    StageStatus = "failed"
	StageSkipped   StageStatus = "skipped"
	StageCancelled StageStatus = "cancelled"
)

// StageStatuses lists every stage status.
var StageStatuses = []StageStatus{
	StageWaiting,
	StageRunning,
	StageCompleted,
	StageFailed,
	StageSkipped,
	StageCancelled,
}

// Ended reports whether only a rerun or a retry can change the status.
func (s StageStatus) Ended() bool {
	switch s {
	case StageCompleted, StageFailed, StageSkipped, StageCancelled:
		return true
	case StageWaiting, StageRunning:
		return false
	}

	return false
}

// TaskStatus is the state of one task. Running is not stored on the task: it is
// a queued task whose message row is held by a worker, so that starting a task
// costs no write to it.
type TaskStatus string

// Task statuses.
const (
	TaskQueued    TaskStatus = "queued"
	TaskRunning   TaskStatus = "running"
	TaskCompleted TaskStatus = "completed"
	TaskFailed    TaskStatus = "failed"
	TaskCancelled TaskStatus = "cancelled"
)

// TaskStatuses lists every task status.
var TaskStatuses = []TaskStatus{TaskQueued, TaskRunning, TaskCompleted, TaskFailed, TaskCancelled}

// Ended reports whether only a retry can change the status.
func (s TaskStatus) Ended() bool {
	switch s {
	case TaskCompleted, TaskFailed, TaskCancelled:
		return true
	case TaskQueued, TaskRunning:
		return false
	}

	return false
}

// Parallelism is how many tasks a stage has and what each is made from.
type Parallelism string

// The five kinds of parallelism.
const (
	Single        Parallelism = "single"         // one task
	Dynamic       Parallelism = "dynamic"        // an integer parameter gives the count
	MatchPrevious Parallelism = "match_previous" // task i follows task i of its one dependency
	FanOut        Parallelism = "fan_out"        // planned from each result of the dependency that it names
	FanIn         Parallelism = "fan_in"         // one task over all results of all its dependencies
)

// Pure reports whether the inputs depend on the parameters and the index alone.
// The engine computes such inputs at claim and does not store them.
func (p Parallelism) Pure() bool { return p != FanOut }

// Outcome is how an unsuccessful attempt ended.
type Outcome string

// Outcomes, as stored in attempts.
const (
	OutcomeError     Outcome = "error"
	OutcomePermanent Outcome = "permanent"
	OutcomeTimeout   Outcome = "timeout"
	OutcomeLost      Outcome = "lost"
	// OutcomeInterrupted is a lost attempt whose process came back: no loss is
	// counted.
	OutcomeInterrupted Outcome = "interrupted"
	OutcomePanic       Outcome = "panic"
	OutcomeTooLarge    Outcome = "too_large"
	OutcomeInvalid     Outcome = "invalid"
	OutcomeCancelled   Outcome = "cancelled"
)

// CountsAsFailure reports whether an attempt with this outcome uses up one of the
// tries of its task. One that was cancelled or whose process went away does not.
func (o Outcome) CountsAsFailure() bool {
	switch o {
	case OutcomeLost, OutcomeInterrupted, OutcomeCancelled:
		return false
	case OutcomeError, OutcomePermanent, OutcomeTimeout, OutcomePanic, OutcomeTooLarge, OutcomeInvalid:
	}

	return true
}
