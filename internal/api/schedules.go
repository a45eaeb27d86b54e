package api

import (
	"net/http"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

func (a *API) schedules(w http.ResponseWriter, r *http.Request) {
	if err := readQuery(r).err(); err != nil {
		a.fail(w, r, err)
		return
	}

	found, err := a.Reader.ListSchedules(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[view.ScheduleView]{Items: found})
}

func (a *API) schedule(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r)

	name := segment(q, r, "schedule")
	if err := q.err(); err != nil {
		a.fail(w, r, err)
		return
	}

	a.oneSchedule(w, r, name)
}

func (a *API) oneSchedule(w http.ResponseWriter, r *http.Request, name string) {
	found, err := a.Reader.ReadSchedule(r.Context(), name)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, found)
}

func (a *API) pauseSchedule(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r)
	name := segment(q, r, "schedule")

	err := q.err()
	if err == nil {
		err = a.Engine.PauseSchedule(r.Context(), name, by(r))
	}

	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.oneSchedule(w, r, name)
}

func (a *API) resumeSchedule(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r)
	name := segment(q, r, "schedule")

	err := q.err()
	if err == nil {
		err = a.Engine.ResumeSchedule(r.Context(), name)
	}

	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.oneSchedule(w, r, name)
}

// triggerSchedule starts the job of a schedule now, or finds the one that an
// earlier request with the same key started.
func (a *API) triggerSchedule(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r, "key")
	req := coremachine.TriggerRequest{
		Name: segment(q, r, "schedule"), Key: triggerKey(q, r), By: by(r), Traceparent: traceparent(r),
	}

	if err := q.err(); err != nil {
		a.fail(w, r, err)
		return
	}

	res, err := a.Engine.TriggerSchedule(r.Context(), req)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	url := a.statusURL(res.JobID)
	ref := view.JobRef{JobID: res.JobID, Status: res.Status, Attempt: res.Attempt, StatusURL: url}

	if !res.Started {
		a.ok(w, r, ref)
		return
	}

	w.Header().Set("Location", url)
	a.write(w, r, http.StatusAccepted, ref)
}

// triggerKey reads the key of a trigger. It has the rules of a run key, of which
// it becomes the end.
func triggerKey(q *query, r *http.Request) string {
	key := q.runKey(r.Header)
	if len(key) > state.MaxTriggerKey {
		q.wrong("key", "must have at most %d characters", state.MaxTriggerKey)
	}

	return key
}

// backfillSchedule starts the jobs of a range of slots that have none.
func (a *API) backfillSchedule(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r, "from", "until")
	name, from, until := segment(q, r, "schedule"), q.point("from"), q.point("until")

	if err := q.err(); err != nil {
		a.fail(w, r, err)
		return
	}

	done, err := a.Engine.BackfillSchedule(r.Context(), name, from, until, by(r))
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, done)
}

// point reads a point in time that is required.
func (q *query) point(name string) time.Time {
	v := q.text(name)

	at, err := time.Parse(time.RFC3339, v)
	if err != nil || at.Year() < 1 || at.Year() > 9999 {
		q.bad = append(q.bad, state.FieldError{
			Field: name, Message: "must be a time like 2026-01-31T12:00:00Z",
		})
	}

	return at
}
