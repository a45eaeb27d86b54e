package view

import (
	"encoding/json"
	"fmt"
	"time"

	"coremachine/internal/state"
)

// TaskCounts are tasks by status. Total is what is planned so far, and final
// once planning has ended.
type TaskCounts struct {
	Total     int `json:"total"`
	Queued    int `json:"queued"`
	Running   int `json:"running"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
}

// Settle fills in Queued, the rest of Total. Running is read from messages and
// may run ahead of the counters by an instant.
func (c *TaskCounts) Settle() {
	open := max(0, c.Total-c.Completed-c.Failed-c.Cancelled)
	c.Running = min(c.Running, open)
	c.Queued = open - c.Running
}

// Add sums.
func (c *TaskCounts) Add(o TaskCounts) {
	c.Total += o.Total
	c.Queued += o.Queued
	c.Running += o.Running
	c.Completed += o.Completed
	c.Failed += o.Failed
	c.Cancelled += o.Cancelled
}

// JobVersion makes the opaque version of a job from its incarnation, the number
// of its last edge and the sum of its stages' counters. It changes with every
// edge and with every task that ends, and not when a task starts. A job that
// was deleted and submitted again never has a version that it had before.
func JobVersion(incarnation, edge, counters int64) string {
	return fmt.Sprintf("%d.%d.%d", incarnation, edge, counters)
}

// JobSummary is a job as a list shows it.
type JobSummary struct {
	JobID             state.JobID       `json:"job_id"`
	JobType           string            `json:"job_type"`
	Status            state.JobStatus   `json:"status"`
	Attempt           int               `json:"attempt"` // runs of the job, this one included
	Version           string            `json:"version"` // opaque, see JobVersion
	Parameters        json.RawMessage   `json:"parameters"`
	CreatedAt         time.Time         `json:"created_at"`
	LastSubmittedAt   time.Time         `json:"last_submitted_at"`
	RunKey            string            `json:"run_key,omitempty"` // the rest of its identity; empty: none
	Tags              map[string]string `json:"tags"`              // never nil
	StartAt           *time.Time        `json:"start_at"`          // if later than the submit; nil: immediately
	StartedAt         *time.Time        `json:"started_at"`
	FinishedAt        *time.Time        `json:"finished_at"`
	CancelRequestedAt *time.Time        `json:"cancel_requested_at"` // nil where the job stops because it failed
	Finalizing        bool              `json:"finalizing"`          // the outcome is decided, and finally stages run
	Outcome           state.JobStatus   `json:"outcome,omitempty"`   // of a job with finally stages; empty: not decided
	Tasks             TaskCounts        `json:"tasks"`               // of all stages
	Error             *state.Failure    `json:"error"`
}

// Delayed reports whether the job waits for its start.
func (j *JobSummary) Delayed(now time.Time) bool {
	return j.Status == state.JobQueued && j.StartAt != nil && j.StartAt.After(now)
}

// MaxListedParams is the size in bytes above which a list leaves a job's
// parameters out (null); the job itself shows them.
const MaxListedParams = 4096

// JobView is a job with its stages, read in one snapshot.
type JobView struct {
	JobSummary
	// Share of all tasks that are done, 0 to 1; null until every stage is planned.
	// Finally stages count once they run.
	Progress *float64        `json:"progress"`
	Stages   []StageView     `json:"stages"`
	TraceID  string          `json:"trace_id,omitempty"`  // of the trace that all of the job's work is in; empty: none
	TraceURL string          `json:"trace_url,omitempty"` // its page in the log system, see TraceURL
	Result   json.RawMessage `json:"result"`
	// Notification is nil if the job has no callback URL.
	Notification *NotificationView `json:"notification,omitempty"`
	// What ended tasks as failed, the most frequent first, at most MaxErrorGroups.
	Errors []ErrorGroup `json:"errors"`
	// What Errors leaves out.
	MoreErrors MoreErrors `json:"more_errors"`
}

// MoreErrors counts the kinds of errors that a view leaves out, and their tasks.
// The count of kinds ends at MaxFailureGroups.
type MoreErrors struct {
	Kinds int `json:"kinds"`
	Tasks int `json:"tasks"`
}

// MaxErrorGroups bounds the kinds of errors that a job shows.
const MaxErrorGroups = 5

// ErrorGroup is how often errors of one pattern ended a task. The count ends at
// 2000; of a stage with more than 50 patterns some are left out.
type ErrorGroup struct {
	Stage       string            `json:"stage"`
	Fingerprint state.Fingerprint `json:"fingerprint"`
	Message     string            `json:"message"` // of the first of them
	Outcome     state.Outcome     `json:"outcome"` // of the first of them
	Index       int               `json:"index"`   // of the first of them
	Count       int               `json:"count"`
}

// FailureGroup is what attempts failed of: errors that differ only in ids and
// numbers. Counts end at MaxDepth; of a stage with more than MaxFailureGroups
// patterns some are left out.
type FailureGroup struct {
	Stage       string            `json:"stage"`
	Fingerprint state.Fingerprint `json:"fingerprint"` // selects the tasks, see TaskFilter
	Pattern     string            `json:"pattern"`     // the errors with # for what differs
	Message     string            `json:"message"`     // of one of them, whole
	Outcome     state.Outcome     `json:"outcome"`     // of the same attempt
	Tasks       int               `json:"tasks"`       // tasks that ended as failed with it
	Attempts    int               `json:"attempts"`    // failed attempts, also those of tasks that are retried
	FirstSeen   time.Time         `json:"first_seen"`
	LastSeen    time.Time         `json:"last_seen"`
	Indexes     []int             `json:"indexes"` // of the first tasks, at most MaxFailureIndexes
}

// MaxFailureGroups bounds the groups of failures that are read,
// MaxFailureIndexes the tasks that one names.
const (
	MaxFailureGroups  = 100
	MaxFailureIndexes = 10
)

// StageView is a stage of a job.
type StageView struct {
	Stage     int               `json:"stage"`
	Name      string            `json:"name"`
	TaskType  string            `json:"task_type"`
	Kind      state.Parallelism `json:"kind"`
	Queue     string            `json:"queue"`
	DependsOn []string          `json:"depends_on"` // names
	Status    state.StageStatus `json:"status"`
	Gen       int               `json:"gen"`
	Planned   bool              `json:"planned"`  // tasks.total is final
	Expected  *int              `json:"expected"` // number of tasks, if the parameters alone determine it
	Tolerance float64           `json:"tolerance"`
	Finally   bool              `json:"finally"` // it runs after the outcome of the job is decided
	Tasks     TaskCounts        `json:"tasks"`
	StartedAt *time.Time        `json:"started_at"`
	// When the first of its tasks was claimed; nil: none yet, or not known, see Began.
	FirstClaimedAt *time.Time `json:"first_claimed_at"`
	// Runs of the same tasks, or of earlier generations, before retries.
	EarlierRuns  []StageRun     `json:"earlier_runs"`
	ProgressedAt *time.Time     `json:"progressed_at"`
	FinishedAt   *time.Time     `json:"finished_at"`
	Error        *state.Failure `json:"error"`
}

// Seen holds the status and version of a job that waiters compare.
type Seen struct {
	Status  state.JobStatus
	Version string
}

// TaskSummary is a task as a list shows it.
type TaskSummary struct {
	JobID      state.JobID      `json:"job_id"`
	Stage      string           `json:"stage"`
	Index      int              `json:"index"`
	Status     state.TaskStatus `json:"status"`
	Attempt    int              `json:"attempt"`  // the one that runs, else the last that ended; 0: none yet
	Failures   int              `json:"failures"` // of the retry budget
	Losses     int              `json:"losses"`   // workers lost on it
	StartedAt  *time.Time       `json:"started_at"`
	FinishedAt *time.Time       `json:"finished_at"`
	Error      string           `json:"error"` // message of the last unsuccessful attempt; empty: none
	Code       state.Code       `json:"code"`  // of that error
	// What the running attempt last reported, some seconds late; nil: nothing.
	Progress *state.TaskProgress `json:"progress"`

	// Result is null in a list where it is over MaxListedResult bytes; the task
	// itself shows it.
	Result json.RawMessage `json:"result"`
}

// MaxListedResult is the size in bytes above which a list leaves a task's
// result out.
const MaxListedResult = 4096

// TaskView is one task with its attempts and where its input came from.
type TaskView struct {
	TaskSummary
	Name     string            `json:"name"` // for people, see TaskName
	TaskType string            `json:"task_type"`
	Kind     state.Parallelism `json:"kind"`
	Gen      int               `json:"gen"`
	Key      string            `json:"idempotency_key"`
	Input    json.RawMessage   `json:"input"` // null if it could not be computed, see InputError
	Result   json.RawMessage   `json:"result"`
	Parts    int               `json:"parts"`  // number of parts emitted in addition to its result
	DueAt    *time.Time        `json:"due_at"` // when a queued task that was dispatched is to be tried
	Worker   string            `json:"worker"` // host and process that run it; empty: none

	InputComputed bool   `json:"input_computed"`        // from the parameters and the index, each time it is needed
	InputError    string `json:"input_error,omitempty"` // why this build could not compute it
	TraceID       string `json:"trace_id,omitempty"`    // of its job; empty: none
	TraceURL      string `json:"trace_url,omitempty"`   // its page in the log system, see TraceURL

	Dead      string        `json:"dead"`     // why its message was set aside; empty: it was not
	Attempts  []AttemptView `json:"attempts"` // the unsuccessful ones, newest first, at most MaxAttempts
	DependsOn []string      `json:"depends_on"`
	Follows   *TaskRef      `json:"follows"`   // the task whose result it continues
	Inputs    []TaskLinks   `json:"inputs"`    // stages that its input may come from
	Consumers []TaskLinks   `json:"consumers"` // stages that its result may go to
}

// MaxAttempts bounds the attempts that a task shows.
const MaxAttempts = 100

// TaskRef names a task of the same job.
type TaskRef struct {
	Stage string `json:"stage"`
	Index int    `json:"index"`
}

// AttemptView is an unsuccessful attempt.
type AttemptView struct {
	Attempt   int           `json:"attempt"`
	Outcome   state.Outcome `json:"outcome"`
	Final     bool          `json:"final"` // it ended the task
	Error     string        `json:"error"`
	Stack     string        `json:"stack"`  // of a panic, the innermost frame first; empty: none
	Worker    string        `json:"worker"` // host and process that ran it; empty: not known any more
	StartedAt *time.Time    `json:"started_at"`
	EndedAt   time.Time     `json:"ended_at"`
	TraceURL  string        `json:"trace_url,omitempty" db:"-"` // its page in the log system; not stored
}

// EventView is one entry of a job's history.
type EventView struct {
	EventID int64           `json:"event_id"`
	At      time.Time       `json:"at"`
	Kind    string          `json:"kind"`
	Stage   string          `json:"stage"` // its name; empty: of the job
	Index   *int            `json:"index"`
	Attempt int             `json:"attempt"` // 0: of none
	Message string          `json:"message"`
	Detail  json.RawMessage `json:"detail"`

	Fingerprint state.Fingerprint `json:"fingerprint"` // of a failure; empty: none
}

// QueueView is how deep a queue is. Counts end at MaxDepth.
type QueueView struct {
	Queue         string   `json:"queue"`
	Ready         int      `json:"ready"`     // due and not delivered
	Scheduled     int      `json:"scheduled"` // due later: retries and parked work
	Sent          int      `json:"sent"`      // handed to the transport and not claimed yet
	Held          int      `json:"held"`      // claimed by a worker
	Dead          int      `json:"dead"`
	OldestSeconds *float64 `json:"oldest_seconds"` // age of the oldest ready message; null: none
}

// Flow counts the messages that were written and removed since the database
// reset its statistics. Only the difference of two readings is meaningful.
type Flow struct{ Made, Gone int64 }

// MaxDepth is the maximum count of a queue. A queue with this count can contain
// more messages.
const MaxDepth = 10_000

// DeadView is a dead letter: the transport does not deliver it again.
type DeadView struct {
	MessageID  int64       `json:"message_id"`
	JobID      state.JobID `json:"job_id"`
	JobType    string      `json:"job_type"`
	Queue      string      `json:"queue"`
	Kind       string      `json:"kind"` // plan, tasks, finish, stop, reopen or finally
	Stage      int         `json:"stage"`
	StageName  string      `json:"stage_name"`
	First      int         `json:"first"`
	Count      int         `json:"count"`
	TasksLeft  int         `json:"tasks_left"`
	Deliveries int         `json:"deliveries"`
	Reason     string      `json:"reason"`
	Since      time.Time   `json:"since"`  // when its last delivery was due to end
	Wanted     bool        `json:"wanted"` // the work that it stands for is still to be done
}

// DeadReason is what was set aside of a queue for one reason, among the first
// MaxDepth messages of it.
type DeadReason struct {
	Reason   string    `json:"reason"`
	Wanted   int       `json:"wanted"`   // the work that they stand for is still to be done
	Unwanted int       `json:"unwanted"` // the work that they stand for is no longer to be done
	Oldest   time.Time `json:"oldest"`
	Newest   time.Time `json:"newest"`
}

// MaxDeadReasons bounds the reasons of a queue.
const MaxDeadReasons = 100

// SweepView is one pass over stalled work.
type SweepView struct {
	SweepID   int64           `json:"sweep_id"`
	StartedAt time.Time       `json:"started_at"`
	EndedAt   *time.Time      `json:"ended_at"`
	Found     json.RawMessage `json:"found"` // counts by what was done; null while it runs
	Error     string          `json:"error"`
}

// JobCount is how many jobs have a status, ending at MaxDepth.
type JobCount struct {
	Status state.JobStatus `json:"status"`
	Count  int             `json:"count"`
}

// EndedJob is a snapshot of a job that has ended, for traces and metrics. The
// job may already run again when a caller reads the snapshot.
type EndedJob struct {
	JobID       state.JobID
	JobType     string
	Status      state.JobStatus
	Attempt     int
	Traceparent string
	CreatedAt   time.Time
	StartedAt   *time.Time
	FinishedAt  *time.Time
	Stages      []EndedStage
}

// Began is when this run of the job began: a repeated submit moves the time of
// the last one, so it is found by what the run did.
func (j *EndedJob) Began() time.Time {
	if j.Attempt == 1 {
		return j.CreatedAt
	}

	first := *j.FinishedAt
	if j.StartedAt != nil {
		first = *j.StartedAt
	}

	for _, s := range j.Stages {
		if j.Ran(s) && s.StartedAt != nil && s.StartedAt.Before(first) {
			first = *s.StartedAt
		}
	}

	return first
}

// Ran reports whether a stage ended in this run of the job, and not in an
// earlier run that a retry continued.
func (j *EndedJob) Ran(s EndedStage) bool {
	return s.FinishedAt != nil && (j.Attempt == 1 || j.StartedAt == nil || !s.FinishedAt.Before(*j.StartedAt))
}

// EndedStage is a stage of an EndedJob; its times are nil where it did not get
// so far.
type EndedStage struct {
	Stage      int               `json:"stage"`
	Name       string            `json:"name"`
	TaskType   string            `json:"task_type"`
	Gen        int               `json:"gen"`
	Status     state.StageStatus `json:"status"`
	Tasks      int               `json:"tasks"`
	StartedAt  *time.Time        `json:"started_at"`
	FinishedAt *time.Time        `json:"finished_at"`
}

// QueueLag is a queue with how far its transport and its workers are behind.
type QueueLag struct {
	QueueView
	WaitingSeconds float64 // the oldest due message that no worker holds
	UnsentSeconds  float64 // the oldest due message that the transport has not been handed
}
