// Package keys names the fields of logs, and the attributes of spans and metrics, once. Anyone may import it; it imports nothing.
package keys

// Fields of log records.
const (
	Attempt  = "attempt"
	Count    = "count"
	Error    = "error"
	Function = "function"
	Index    = "index"
	JobID    = "job_id"
	JobType  = "job_type"
	Queue    = "queue"
	Stage    = "stage"
	TaskType = "task_type"
	TraceID  = "trace_id"
	Worker   = "worker_id"
)
