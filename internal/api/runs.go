package api

import (
	"context"
	"errors"
	"net/http"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// runs answers the runs of a job, newest first.
func (a *API) runs(w http.ResponseWriter, r *http.Request) {
	id, err := jobID(r)
	if err = errors.Join(err, readQuery(r).err()); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	runs, err := a.Reader.ListRuns(r.Context(), id)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[view.RunView]{Items: runs})
}

// compare answers what differs between two jobs of a type.
func (a *API) compare(w http.ResponseWriter, r *http.Request) {
	id, err := jobID(r)
	q := readQuery(r, "with")

	other, bad := state.ParseJobID(q.text("with"))
	if bad != nil {
		q.wrong("with", "must be the id of a job: 64 hex digits")
	}

	if err = errors.Join(err, q.err()); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	job, err := a.Reader.ReadJob(r.Context(), id)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	found, err := CompareJobs(r.Context(), a.Reader, job, other)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, found)
}

// CompareReader reads jobs for a comparison.
type CompareReader interface {
	ReadJob(ctx context.Context, id state.JobID) (view.JobView, error)
	ReadTimes(ctx context.Context, id state.JobID) ([]view.StageTimes, error)
	ListFailures(ctx context.Context, id state.JobID, stage string) ([]view.FailureGroup, error)
}

// CompareJobs compares a job with another one, which it reads. If their types
// differ, it returns an Error with CodeInvalid.
func CompareJobs(
	ctx context.Context, r CompareReader, left view.JobView, other state.JobID,
) (view.Comparison, error) {
	right, err := r.ReadJob(ctx, other)
	if err != nil {
		return view.Comparison{}, err
	}

	if l, r := left.JobType, right.JobType; l != r {
		return view.Comparison{}, state.Invalid("api", "The jobs have different types.", state.FieldError{
			Field: "with", Message: "must be a job of the type " + l + "; this one is of the type " + r,
		})
	}

	sides := [2]view.CompareSide{{Job: left}, {Job: right}}

	for i := range sides {
		id := sides[i].Job.JobID

		times, err := r.ReadTimes(ctx, id)
		if err != nil {
			return view.Comparison{}, err
		}

		failures, err := r.ListFailures(ctx, id, "")
		if err != nil {
			return view.Comparison{}, err
		}

		sides[i].Times, sides[i].Failures = times, failures
	}

	return view.CompareJobs(sides[0], sides[1]), nil
}
