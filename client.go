package coremachine

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/submitter"
	"coremachine/internal/view"
)

// Calls of the API from other programs.
type (
	// Client calls the API of a running engine. See NewClient.
	Client = client.Client
	// JobType names a job and the types of its parameters and its result. A job
	// without a result function has the result type struct{}.
	JobType[P, R any] = client.JobType[P, R]
	// SubmitOption configures a submit.
	SubmitOption = client.SubmitOption
	// Submission is the answer to a submit.
	Submission = view.Submission
	// JobView is a job with its stages, its result and its errors.
	JobView = view.JobView
	// JobID identifies a job. ParseJobID reads one.
	JobID = state.JobID
	// JobStatus is the status of a job.
	JobStatus = state.JobStatus
	// Submitter submits jobs in transactions of a program that shares the
	// database. See NewSubmitter.
	Submitter = submitter.Submitter
)

// Errors of a Client. CodeOf and FieldsOf read errors of a Submitter too.
type (
	// APIError is an error response of the API, with its status, code, fields and
	// request ID.
	APIError = client.Error
	// UnreachableError means that the API did not answer.
	UnreachableError = client.UnreachableError
	// JobError means that a job has ended without a result: it has failed or was
	// cancelled.
	JobError = client.JobError
	// Code says what went wrong in a word.
	Code = state.Code
	// FieldError is one thing wrong with one field of a request.
	FieldError = state.FieldError
)

// Codes of the errors of a Client and a Submitter.
const (
	// CodeInvalid means that parameters are invalid. FieldsOf names them.
	CodeInvalid = state.CodeInvalid
	// CodeUnknownJobType means that the engine does not know the job type.
	CodeUnknownJobType = state.CodeUnknownJobType
	// CodeNotFound means that the job does not exist.
	CodeNotFound = state.CodeNotFound
	// CodeConflict means that the status of the job does not allow it now.
	CodeConflict = state.CodeConflict
	// CodeBusy means that too many jobs are open. Try again later.
	CodeBusy = state.CodeBusy
	// CodeUnavailable means that the API or the database cannot be used now. Try
	// again later.
	CodeUnavailable = state.CodeUnavailable
	// CodeUnauthorized means that the API key is missing or wrong.
	CodeUnauthorized = state.CodeUnauthorized
)

// Statuses of jobs.
const (
	// JobQueued means that the job has not started.
	JobQueued = state.JobQueued
	// JobRunning means that tasks of the job have started.
	JobRunning = state.JobRunning
	// JobCompleted means that all tasks are completed.
	JobCompleted = state.JobCompleted
	// JobCompletedWithErrors means that no more tasks failed than the job
	// tolerates.
	JobCompletedWithErrors = state.JobCompletedWithErrors
	// JobFailed means that the job has failed.
	JobFailed = state.JobFailed
	// JobCancelled means that the job was cancelled.
	JobCancelled = state.JobCancelled
)

// NewClient returns a client of the API at a URL, for example
// https://tiles.azurewebsites.net/api. The key is a function key; it can be
// empty.
func NewClient(url, key string) (*Client, error) { return client.New(url, key) }

// Submit submits a job with typed parameters. The same type and parameters are
// the same job: Submit finds it if it exists, and runs it again if it has failed
// or was cancelled. A zero field with a default gets the default.
func Submit[P, R any](
	ctx context.Context, c *Client, job JobType[P, R], params P, opts ...SubmitOption,
) (Submission, error) {
	return client.Submit(ctx, c, job, params, opts...)
}

// Result waits until a job has ended and returns its result. If the job has failed
// or was cancelled, the error is a JobError.
func Result[P, R any](ctx context.Context, c *Client, job JobType[P, R], id JobID) (R, error) {
	return client.Result(ctx, c, job, id)
}

// Run submits a job, waits until it has ended and returns its result.
func Run[P, R any](
	ctx context.Context, c *Client, job JobType[P, R], params P, opts ...SubmitOption,
) (R, error) {
	return client.Run(ctx, c, job, params, opts...)
}

// NewSubmitter returns a Submitter of the jobs of a project. schema is the schema
// of the tables of the engine; empty means public. The handlers do not run in the
// program.
func NewSubmitter(jobs map[string]Job, handlers map[string]Handler, schema string) (*Submitter, error) {
	return submitter.New(jobs, handlers, schema)
}

// SubmitTx submits a job in a transaction of the caller: the job exists if, and
// only if, the transaction commits.
func SubmitTx[P, R any](
	ctx context.Context, s *Submitter, tx pgx.Tx, job JobType[P, R], params P, opts ...SubmitOption,
) (Submission, error) {
	return s.SubmitTx(ctx, tx, string(job), params, opts...)
}

// Rerun runs the job again if it has completed.
func Rerun() SubmitOption { return client.Rerun() }

// StartAt starts the job at a time.
func StartAt(at time.Time) SubmitOption { return client.StartAt(at) }

// Delay starts the job after a time, by the clock of the database.
func Delay(d time.Duration) SubmitOption { return client.Delay(d) }

// CallbackURL sends a notification to a URL when the job ends.
func CallbackURL(url string) SubmitOption { return client.CallbackURL(url) }

// RunKey makes the same parameters with another key another job.
func RunKey(key string) SubmitOption { return client.RunKey(key) }

// Tag sets a tag on the job. Lists filter by tags.
func Tag(name, value string) SubmitOption { return client.Tag(name, value) }

// ParseJobID reads the id of a job.
func ParseJobID(text string) (JobID, error) { return state.ParseJobID(text) }

// CodeOf returns the code of an error of a Client or a Submitter. It is empty for
// nil.
func CodeOf(err error) Code { return client.CodeOf(err) }

// FieldsOf returns the fields that an error names.
func FieldsOf(err error) []FieldError { return client.FieldsOf(err) }
