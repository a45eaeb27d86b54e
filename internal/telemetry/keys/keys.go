// Package keys defines the names of log fields, of spans, of metrics, and of
// their attributes, each once. Every package may import it. It imports nothing.
package keys

// Fields of log records, and attributes of spans and metrics. One thing has the
// same name in all of them.
const (
	Action   = "action" // an action of a sweep
	Attempt  = "attempt"
	Code     = "code" // an error code
	Count    = "count"
	Created  = "created"
	Error    = "error"
	Function = "function"
	Gen      = "gen"
	Index    = "index"
	JobID    = "job_id"
	Schedule = "schedule"
	JobType  = "job_type"
	Outcome  = "outcome"
	Queue    = "queue"
	SpanID   = "span_id"
	Stack    = "stack" // of a panic
	Stage    = "stage"
	State    = "state" // of a connection or a message
	Status   = "status"
	TaskType = "task_type"
	Tasks    = "tasks"
	TraceID  = "trace_id"
	Worker   = "worker_id"
)

// Spans. The name of the job type, stage or task type follows each. A trace is
// one run of a job: the submit, the job, its stages, and the attempts of their
// tasks.
const (
	SpanSubmit = "submit"
	SpanRetry  = "retry" // the first span of a retry, in place of submit
	SpanJob    = "job"
	SpanStage  = "stage"
	SpanTask   = "task"
)

// Metrics. In Prometheus text, underscores replace the dots, the unit follows,
// and counters end in _total.
const (
	Submits              = "coremachine.submits"               // by job_type and outcome
	JobsOpen             = "coremachine.jobs.open"             // by status
	JobsEnded            = "coremachine.jobs.ended"            // by job_type and status
	JobDuration          = "coremachine.job.duration"          // seconds, by job_type and status
	StageDuration        = "coremachine.stage.duration"        // seconds, by job_type, stage and status
	TaskAttempts         = "coremachine.task.attempts"         // by task_type, status and code
	TaskDuration         = "coremachine.task.duration"         // seconds, by task_type
	HandlersRunning      = "coremachine.handlers.running"      // in this process
	HandlersUnresponsive = "coremachine.handlers.unresponsive" // abandoned, but still running
	QueueMessages        = "coremachine.queue.messages"        // by queue and state
	QueueAge             = "coremachine.queue.age"             // seconds that the oldest one waits for a worker
	OutboxAge            = "coremachine.outbox.age"            // seconds that the oldest due message waits to be sent
	Sweeps               = "coremachine.sweeps"                // by outcome
	SweepActions         = "coremachine.sweep.actions"         // by action
	Connections          = "coremachine.db.connections"        // of this process's pool, by state
	ConnectionsMax       = "coremachine.db.connections.max"
	ConnectionWaits      = "coremachine.db.waits"          // number of waits for a connection
	ConnectionWaited     = "coremachine.db.waited"         // seconds of waits for a connection
	Reading              = "coremachine.telemetry.reading" // 1 if the last read of the database succeeded
	Missed               = "coremachine.telemetry.missed"  // ended jobs that are missing in traces and metrics
)
