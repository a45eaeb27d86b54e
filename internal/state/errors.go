package state

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what went wrong in a word that survives wrapping, a database round
// trip and a log line. Only the edges turn a code into something else: api into
// an HTTP status, funchost into an answer, corectl into an exit code.
type Code string

// Codes of refused requests and failed operations.
const (
	CodeInvalid        Code = "invalid"          // the caller's input is wrong; Fields say where
	CodeMalformed      Code = "malformed"        // not JSON, or not one JSON object
	CodeTooLarge       Code = "too_large"        // over a documented limit
	CodeUnknownJobType Code = "unknown_job_type" // not in jobs.All
	CodeNotFound       Code = "not_found"        // no such job, stage, task or queue
	CodeConflict       Code = "conflict"         // the record's state does not allow it now
	CodeBusy           Code = "busy"             // too much queued work: try later
	CodeUnavailable    Code = "unavailable"      // the database or the transport is away, or startup is not complete
	CodeInternal       Code = "internal"         // a defect

	CodeUnauthorized     Code = "unauthorized"       // no key, or a wrong one
	CodeForbidden        Code = "forbidden"          // not from there
	CodeMethodNotAllowed Code = "method_not_allowed" // the path takes other methods
)

// Codes of tasks, stages and jobs that ended badly; stored on the record that
// users read.
const (
	CodeTaskError         Code = "task_error"         // the handler returned an error and its retries are spent
	CodePermanent         Code = "permanent"          // the handler said that no retry can help
	CodeTimeout           Code = "timeout"            // the attempt passed its deadline
	CodePanic             Code = "panic"              // the handler panicked
	CodeInvalidResult     Code = "invalid_result"     // the result is not JSON, not UTF-8 or holds U+0000
	CodeResultTooLarge    Code = "result_too_large"   // the result is over 1 MiB
	CodeInputTooLarge     Code = "input_too_large"    // a planned input is over 64 KiB
	CodeWorkerLost        Code = "worker_lost"        // its worker's lease ended five times
	CodeUnknownTaskType   Code = "unknown_task_type"  // no running build knew the type for an hour
	CodeDefinitionChanged Code = "definition_changed" // for an hour no running build declared the stage
	CodeEnginePanic       Code = "engine_panic"       // the engine panicked five times on one message
	CodePredecessorFailed Code = "predecessor_failed" // the task that it follows did not complete
	CodePlanner           Code = "planner_error"      // a planner, count or result function failed
	CodeTasksFailed       Code = "tasks_failed"       // more tasks of a stage failed than the job tolerates
	CodeCancelled         Code = "cancelled"          // a caller cancelled the job
)

// ErrStatementTimeout is in the chain of an error with CodeUnavailable whose
// statement reached its time limit: a smaller batch may succeed.
var ErrStatementTimeout = errors.New("the statement reached its time limit")

// FieldError is one thing wrong with one field of a request.
type FieldError struct {
	Field   string `json:"field"`   // its path: n, filter.prefix, also[1].prefix, labels["a key"]
	Message string `json:"message"` // what it was and what would be right
}

// Error is an error with a code. Msg is for people and holds no secret, no SQL
// and no path; Err is the cause, for the log.
type Error struct {
	Code   Code
	Op     string // package.Function
	Msg    string
	Fields []FieldError
	Err    error
	Stack  string // of a panic, see Panicked; not part of the text
}

// Error joins operation, message, fields and cause in one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}

	b.WriteString(e.Msg)

	for i, f := range e.Fields {
		sep := "; "
		if i == 0 {
			sep = ": "
		}

		b.WriteString(sep + f.Field + ": " + f.Message)
	}

	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}

	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is compares the codes and ignores the other fields, so that
// errors.Is(err, &Error{Code: CodeNotFound}) matches every error of that code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Errorf makes an Error whose message is formatted; a trailing %w-less cause
// goes in with Wrap.
func Errorf(code Code, op, format string, args ...any) *Error {
	return &Error{Code: code, Op: op, Msg: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error around a cause.
func Wrap(code Code, op, msg string, err error) *Error {
	return &Error{Code: code, Op: op, Msg: msg, Err: err}
}

// Invalid makes an Error with CodeInvalid that names the fields at fault.
func Invalid(op, msg string, fields ...FieldError) *Error {
	return &Error{Code: CodeInvalid, Op: op, Msg: msg, Fields: fields}
}

// CodeOf returns the code of the outermost Error in err's chain, CodeInternal
// where there is none, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}

	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}

	return CodeInternal
}

// Failure is an error as stored on a job, a stage or a task, and as users read
// it.
type Failure struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Stage   string `json:"stage,omitempty"` // the stage at fault, on a job's failure
}

// MaxErrorText bounds a stored error message, in bytes; the rest is cut.
const MaxErrorText = 4096

// CleanText makes any text storable: valid UTF-8, no U+0000, at most
// MaxErrorText bytes.
func CleanText(s string) string { return clean(s, MaxErrorText) }

// CleanStack does the same for the stack of a panic, at most MaxStack bytes.
func CleanStack(s string) string { return clean(s, MaxStack) }

func clean(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")

	s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit-len("…")], "") + "…"
	}

	return s
}
