// Package keys names the fields of logs, the attributes of spans and metrics,
// spans and metrics, each once. Anyone may import it; it imports nothing.
package keys

// Fields of log records, and attributes of spans and metrics: the same thing
// has the same name in all of them.
const (
	Action   = "action" // what a sweep did
	Attempt  = "attempt"
	Code     = "code" // of an error
	Count    = "count"
	Created  = "created"
	Error    = "error"
	Function = "function"
	Gen      = "gen"
	Index    = "index"
	JobID    = "job_id"
	JobType  = "job_type"
	Outcome  = "outcome"
	Queue    = "queue"
	SpanID   = "span_id"
	Stack    = "stack" // of a panic
	Stage    = "stage"
	State    = "state" // of a connection, or of a message
	Status   = "status"
	TaskType = "task_type"
	Tasks    = "tasks"
	TraceID  = "trace_id"
	Worker   = "worker_id"
)

// Spans, each followed by the name of what it is about. A trace is one run of a
// job: submit, below it the job, its stages, and the attempts of their tasks.
const (
	SpanSubmit = "submit"
	SpanRetry  = "retry" // in place of submit, of a run that goes on
	SpanJob    = "job"
	SpanStage  = "stage"
	SpanTask   = "task"
)

// Metrics. Prometheus text writes them with underscores, the unit, and _total
// after counters.
const (
	Submits              = "coremachine.submits"          // by job_type and outcome
	JobsOpen             = "coremachine.jobs.open"        // by status
	JobsEnded            = "coremachine.jobs.ended"       // by job_type and status
	JobDuration          = "coremachine.job.duration"     // seconds, by job_type and status
	StageDuration        = "coremachine.stage.duration"   // seconds, by job_type, stage and status
	TaskAttempts         = "coremachine.task.attempts"    // by task_type, status and code
	TaskDuration         = "coremachine.task.duration"    // seconds, by task_type
	HandlersRunning      = "coremachine.handlers.running" // in this process, now
	HandlersUnresponsive = "coremachine.handlers.deaf"    // given up and not returned, now
	QueueMessages        = "coremachine.queue.messages"   // by queue and state
	QueueAge             = "coremachine.queue.age"        // seconds the oldest message of a queue has waited for a worker
	OutboxAge            = "coremachine.outbox.age"       // seconds the oldest due message has waited for its transport
	Sweeps               = "coremachine.sweeps"           // by outcome
	SweepActions         = "coremachine.sweep.actions"    // by action
	Connections          = "coremachine.db.connections"   // of this process's pool, by state
	ConnectionsMost      = "coremachine.db.connections.max"
	ConnectionWaits      = "coremachine.db.waits"          // times that a connection was waited for
	ConnectionWaited     = "coremachine.db.waited"         // seconds that connections were waited for
	Reading              = "coremachine.telemetry.reading" // 1 where the last reading of the database answered
	Missed               = "coremachine.telemetry.missed"  // ended jobs that traces and metrics know nothing of
)
