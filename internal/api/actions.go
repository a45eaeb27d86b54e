package api

import (
	"errors"
	"net/http"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// target reads the job id of a route that takes no query parameters.
func (a *API) target(w http.ResponseWriter, r *http.Request) (state.JobID, bool) {
	id, err := jobID(r)
	if err = errors.Join(err, readQuery(r).err()); err != nil {
		a.fail(w, r, merge(err))
		return id, false
	}

	return id, true
}

func (a *API) cancel(w http.ResponseWriter, r *http.Request) {
	id, err := jobID(r)
	q := readQuery(r, "force")

	stop := a.Engine.Cancel
	if q.boolean("force") {
		stop = a.Engine.ForceCancel
	}

	if err = errors.Join(err, q.err()); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	if err := stop(r.Context(), id, by(r)); err != nil {
		a.fail(w, r, err)
		return
	}

	a.accepted(w, r, id)
}

// start starts a delayed job now.
func (a *API) start(w http.ResponseWriter, r *http.Request) {
	id, ok := a.target(w, r)
	if !ok {
		return
	}

	if err := a.Engine.StartNow(r.Context(), id, by(r)); err != nil {
		a.fail(w, r, err)
		return
	}

	a.accepted(w, r, id)
}

// accepted answers that a request about a job has been recorded.
func (a *API) accepted(w http.ResponseWriter, r *http.Request, id state.JobID) {
	a.JobWatcher.Nudge(id)

	job, err := a.Reader.ReadJob(r.Context(), id)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	w.Header().Set("Location", a.statusURL(id))
	a.write(
		w,
		r,
		http.StatusAccepted,
		view.JobRef{JobID: id, Status: job.Status, Attempt: job.Attempt, StatusURL: a.statusURL(id)},
	)
}

func (a *API) retry(w http.ResponseWriter, r *http.Request) {
	id, ok := a.target(w, r)
	if !ok {
		return
	}

	res, err := a.Engine.Retry(r.Context(), id, by(r), traceparent(r))
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.JobWatcher.Nudge(id)
	w.Header().Set("Location", a.statusURL(id))
	a.write(w, r, http.StatusAccepted, view.Retried{
		JobRef: view.JobRef{
			JobID: id, Status: state.JobQueued, Attempt: res.Attempt, StatusURL: a.statusURL(id),
		},
		Tasks: res.Tasks, Stages: res.Stages,
	})
}

func (a *API) remove(w http.ResponseWriter, r *http.Request) {
	id, ok := a.target(w, r)
	if !ok {
		return
	}

	if err := a.Engine.Delete(r.Context(), id); err != nil {
		a.fail(w, r, err)
		return
	}

	a.JobWatcher.Nudge(id)
	w.WriteHeader(http.StatusNoContent)
}
