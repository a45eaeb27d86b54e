package api

import (
	"context"
	"net/http"

	"coremachine/internal/state"
)

// times answers how long tasks take in each stage, from a sample.
func (a *API) times(w http.ResponseWriter, r *http.Request) {
	ofJob(a, w, r, a.Reader.ReadTimes)
}

// slowest answers which tasks took longest.
func (a *API) slowest(w http.ResponseWriter, r *http.Request) {
	ofJob(a, w, r, a.Reader.ReadSlowest)
}

// ofJob answers a complete list of a job that exists.
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
		_, err = a.Reader.ReadJob(r.Context(), id) // an unknown job also has an empty list
	}

	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[T]{Items: items})
}
