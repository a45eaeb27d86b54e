package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Submit starts a run of a job, or finds the existing one: the same type and
// parameters are the same job. params is a struct or a map that marshals as one
// JSON object, json.RawMessage, or nil for all defaults. A field of a struct that
// is zero and has the tag default gets the default.
//
// Submit sends one request. If the answer was lost, a second call finds the job
// of the first.
func (c *Client) Submit(
	ctx context.Context, jobType string, params any, opts ...SubmitOption,
) (view.Submission, error) {
	o, err := Collect(opts)
	if err != nil {
		return view.Submission{}, err
	}

	body, err := define.Body(params)
	if err != nil {
		return view.Submission{}, err
	}

	answer, err := c.PostSubmit(ctx, jobType, o.Query(), body)
	if err != nil {
		return view.Submission{}, err
	}

	return decode[view.Submission](answer)
}

// PostSubmit sends the request of a submit.
func (c *Client) PostSubmit(
	ctx context.Context, jobType string, query url.Values, body []byte,
) (Answer, error) {
	return c.Post(ctx, "/jobs/submit/"+url.PathEscape(jobType), query, body)
}

// Status reads a job.
func (c *Client) Status(ctx context.Context, id state.JobID) (view.JobView, error) {
	answer, err := c.GetStatus(ctx, id, "", 0)
	if err != nil {
		return view.JobView{}, err
	}

	return decode[view.JobView](answer)
}

// GetStatus sends the request of a status. If wait is not zero, the API answers
// when the job has ended or after this time, at most one minute. With a version
// it answers also when the job has changed since.
func (c *Client) GetStatus(
	ctx context.Context, id state.JobID, version string, wait time.Duration,
) (Answer, error) {
	query := url.Values{}

	if wait > 0 {
		query.Set("wait", wait.String())
	}

	if version != "" {
		query.Set("since", version)
	}

	return c.Get(ctx, "/jobs/status/"+id.String(), query)
}

// longPoll is how long one request of Wait waits. Proxies end a silent request
// after a minute or more.
const longPoll = 30 * time.Second

// Waits between requests of Wait that were not answered.
const (
	minRetry = 500 * time.Millisecond
	maxRetry = 15 * time.Second
)

// Wait waits until a job has ended, with any outcome, and returns it. The API
// answers each request when the job ends, or after 30 s. While the API cannot be
// reached, is overloaded or is not ready, Wait tries again with back-off. Only
// ctx limits the time. If ctx ends, the job continues.
func (c *Client) Wait(ctx context.Context, id state.JobID) (view.JobView, error) {
	backoff := clock.Backoff{Min: minRetry, Max: maxRetry}

	for {
		asked := time.Now()
		answer, err := c.GetStatus(ctx, id, "", longPoll)

		switch {
		case err == nil:
			backoff.Reset()
		case ctx.Err() != nil || !Transient(err):
			return view.JobView{}, err
		case !clock.Sleep(ctx, max(backoff.Next(), retryAfter(err))):
			return view.JobView{}, errors.Join(context.Cause(ctx), err)
		default:
			continue
		}

		job, err := decode[view.JobView](answer)
		if err != nil || job.Status.Ended() {
			return job, err
		}

		// An API that answers early is not asked without a pause.
		if !clock.Sleep(ctx, minRetry-time.Since(asked)) {
			return job, context.Cause(ctx)
		}
	}
}

// retryAfter returns how long the API asks to wait, at most maxRetry.
func retryAfter(err error) time.Duration {
	refused, ok := errors.AsType[*Error](err)
	if !ok {
		return 0
	}

	seconds, err := strconv.Atoi(refused.RetryAfter)
	if err != nil || seconds < 0 {
		return 0
	}

	return min(time.Duration(min(seconds, 60))*time.Second, maxRetry)
}

// Cancel asks a job to stop. It does not wait until it has.
func (c *Client) Cancel(ctx context.Context, id state.JobID) error {
	_, err := c.Post(ctx, "/jobs/cancel/"+id.String(), nil, nil)
	return err
}

// Transient reports whether the same request may succeed later: there was no
// answer, or the API is overloaded or not ready.
func Transient(err error) bool {
	if refused, ok := errors.AsType[*Error](err); ok {
		switch refused.Status {
		case http.StatusTooManyRequests,
			http.StatusBadGateway,
			http.StatusServiceUnavailable,
			http.StatusGatewayTimeout:
			return true
		}

		return false
	}

	_, gone := errors.AsType[*UnreachableError](err)

	return gone
}

func decode[T any](answer Answer) (v T, err error) {
	if err := json.Unmarshal(answer.Body, &v); err != nil {
		return v, fmt.Errorf(
			"unexpected API response: this client may be older or newer than the server: %w", err)
	}

	return v, nil
}
