package api

import (
	"errors"
	"net/http"
	"strconv"

	"coremachine/internal/coremachine"
	"coremachine/internal/view"
)

func (a *API) types(w http.ResponseWriter, r *http.Request) {
	if err := readQuery(r).err(); err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[coremachine.JobType]{Items: a.Engine.Types()})
}

func (a *API) jobs(w http.ResponseWriter, r *http.Request) {
	f, err := ReadJobFilter(r.URL.RawQuery)
	if err == nil {
		err = CheckSearch(f, a.Engine.Types())
	}

	if err != nil {
		a.fail(w, r, err)
		return
	}

	page, err := a.Reader.ListJobs(r.Context(), f)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(
		w,
		r,
		backList[view.JobSummary]{
			list[view.JobSummary]{Items: page.Items, NextCursor: sealJob(page.Next)},
			sealNewer(page.Prev),
		},
	)
}

// jobCounts counts jobs by status, for the tabs above a list of jobs.
func (a *API) jobCounts(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r, "type", "since", "until")

	f := view.JobFilter{Type: q.text("type"), Since: q.moment("since"), Until: q.moment("until")}
	if err := q.err(); err != nil {
		a.fail(w, r, err)
		return
	}

	counts, err := a.Reader.JobCounts(r.Context(), f)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[view.JobCount]{Items: counts})
}

func (a *API) tasks(w http.ResponseWriter, r *http.Request) {
	id, err := jobID(r)

	f, bad := ReadTaskFilter(r.URL.RawQuery)
	if err = errors.Join(err, bad); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	page, err := a.Reader.ListTasks(r.Context(), id, f)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[view.TaskSummary]{Items: page.Items, NextCursor: sealTask(page.Next)})
}

// grid answers a stage's tasks as ranges. The entity tag contains the time of
// the count, so that frequent requests get 304.
func (a *API) grid(w http.ResponseWriter, r *http.Request) {
	id, err := jobID(r)
	q := readQuery(r)

	stage := segment(q, r, "stage")
	if err = errors.Join(err, q.err()); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	grid, err := a.Reader.ReadGrid(r.Context(), id, stage)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	tag := `W/"` + strconv.FormatInt(grid.At.UnixMicro(), 10) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")

	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}

	a.ok(w, r, grid)
}

// failures answers why attempts failed, grouped by error.
func (a *API) failures(w http.ResponseWriter, r *http.Request) {
	id, err := jobID(r)
	q := readQuery(r, "stage")

	stage := q.text("stage")
	if err = errors.Join(err, q.err()); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	groups, err := a.Reader.ListFailures(r.Context(), id, stage)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[view.FailureGroup]{Items: groups})
}

func (a *API) events(w http.ResponseWriter, r *http.Request) {
	id, err := jobID(r)

	f, bad := ReadEventFilter(r.URL.RawQuery)
	if err = errors.Join(err, bad); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	page, err := a.Reader.ListEvents(r.Context(), id, f)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[view.EventView]{Items: page.Items, NextCursor: sealNumber("e", page.Next)})
}
