package client

import (
	"context"
	"encoding/json"
	"fmt"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// JobType names a job and the types of its parameters and its result. A job
// without a result function has the result type struct{}.
type JobType[P, R any] string

// JobError is a job that has ended without a result.
type JobError struct{ Job view.JobView }

// Error names the job, its status and its error.
func (e *JobError) Error() string {
	text := fmt.Sprintf("the job %s %s is %s", e.Job.JobType, e.Job.JobID.Short(), e.Job.Status)
	if e.Job.Error != nil {
		text += ": " + e.Job.Error.Message
	}

	return text
}

// Submit submits a job with typed parameters. See Client.Submit.
func Submit[P, R any](
	ctx context.Context, c *Client, job JobType[P, R], params P, opts ...SubmitOption,
) (view.Submission, error) {
	return c.Submit(ctx, string(job), params, opts...)
}

// Result waits until a job has ended and returns its result. If the job has
// failed or was cancelled, the error is a JobError.
func Result[P, R any](ctx context.Context, c *Client, job JobType[P, R], id state.JobID) (result R, err error) {
	ended, err := c.Wait(ctx, id)
	if err != nil {
		return result, err
	}

	if ended.JobType != string(job) {
		return result, state.Invalid("client.Result", fmt.Sprintf("the job is a %s, not a %s", ended.JobType, job))
	}

	if ended.Status != state.JobCompleted && ended.Status != state.JobCompletedWithErrors {
		return result, &JobError{Job: ended}
	}

	if len(ended.Result) == 0 { // the job has no result function
		return result, nil
	}

	if err := json.Unmarshal(ended.Result, &result); err != nil {
		return result, fmt.Errorf("the result of %s %s is not a %T: %w", job, id.Short(), result, err)
	}

	return result, nil
}

// Run submits a job, waits until it has ended and returns its result. It finds
// the existing job if there is one, see Client.Submit.
func Run[P, R any](
	ctx context.Context, c *Client, job JobType[P, R], params P, opts ...SubmitOption,
) (result R, err error) {
	submitted, err := Submit(ctx, c, job, params, opts...)
	if err != nil {
		return result, err
	}

	return Result(ctx, c, job, submitted.JobID)
}
