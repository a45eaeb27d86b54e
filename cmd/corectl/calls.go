package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// decode decodes the body of an answer. If it does not match T, the API is
// older or newer than this corectl.
func decode[T any](answer client.Answer) (T, error) {
	var v T
	if err := json.Unmarshal(answer.Body, &v); err != nil {
		return v, fmt.Errorf(
			"unexpected API response: this corectl may be older or newer than the server: %w",
			err,
		)
	}

	return v, nil
}

// list reads one page.
func list[T any](
	ctx context.Context,
	a *app,
	path string,
	query url.Values,
) (client.Page[T], client.Answer, error) {
	answer, err := a.api.Get(ctx, path, query)
	if err != nil {
		return client.Page[T]{}, answer, err
	}

	page, err := decode[client.Page[T]](answer)

	return page, answer, err
}

// job reads a job's status.
func (a *app) job(ctx context.Context, id state.JobID) (view.JobView, client.Answer, error) {
	return a.jobChange(ctx, id, "")
}

// jobChange reads a job's status when it differs from version, or after 20 s. It
// reads it immediately if version is empty.
func (a *app) jobChange(
	ctx context.Context,
	id state.JobID,
	version string,
) (view.JobView, client.Answer, error) {
	wait := 20 * time.Second
	if version == "" {
		wait = 0
	}

	answer, err := a.api.GetStatus(ctx, id, version, wait)
	if err != nil {
		return view.JobView{}, answer, a.orMissing(err, id)
	}

	job, err := decode[view.JobView](answer)

	return job, answer, err
}

func (a *app) orMissing(err error, id state.JobID) error {
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Status == http.StatusNotFound {
		return a.missing(id)
	}

	return err
}

// everything reads a list page by page and calls each for every page, so that
// the memory use does not depend on the length of the list. limit 0 means all.
func everything[T any](
	ctx context.Context,
	a *app,
	path string,
	query url.Values,
	limit int,
	each func(client.Page[T], client.Answer) error,
) (next string, err error) {
	const pageSize = 500
	for given := 0; ; {
		size := pageSize
		if limit > 0 {
			size = min(pageSize, limit-given)
		}

		query.Set("limit", strconv.Itoa(size))

		page, answer, err := list[T](ctx, a, path, query)
		if err != nil {
			return "", err
		}

		if err := each(page, answer); err != nil {
			return "", err
		}

		given += len(page.Items)
		if page.NextCursor == "" || limit > 0 && given >= limit {
			return page.NextCursor, nil
		}

		query.Set("cursor", page.NextCursor)
	}
}
