package api

import (
	"context"
	"net/http"

	"coremachine/internal/state"
)

// times answers how long tasks take, stage by stage, from a sample of each.
func (a *API) times(w http.ResponseWriter, r *http.Request) {
	ofJob(a, w, r, a.Reader.ReadTimes)
}

// slowest answers which tasks took longest.
func (a *API) slowest(w http.ResponseWriter, r *http.Request) {
	ofJob(a, w, r, a.Reader.ReadSlowest)
}

// ofJob answers a whole list of a job that is there.
func ofJob[T any](
	a *API,
	w http.ResponseWriter,
	r *http.Request,
	read func(context.Context, state.JobID) ([]T, error),
) {
	id, ok := a.target(w, r)
	if !ok {
		return
	}

	items, err := read(r.Context(), id)
	if err == nil && len(items) == 0 {
		items = []T{}
		_, err = a.Reader.ReadJob(r.Context(), id) // an unknown job has none either
	}

	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[T]{Items: items})
}
