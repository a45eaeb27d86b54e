package api

import (
	"strings"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// The dashboard accepts the same query parameters as the lists of the API, so
// that the query of one works for the other.

// ReadJobFilter reads the query parameters of the list of jobs. For invalid
// parameters, it returns an Error with CodeInvalid.
func ReadJobFilter(rawQuery string) (view.JobFilter, error) {
	known := append([]string{"status", "type", "since", "until", "id", "limit", "cursor"}, TermPrefixes...)
	q := parseQuery(rawQuery, known...)
	f := view.JobFilter{
		Statuses: oneOf(q, "status", state.JobStatuses),
		Type:     q.text("type"),
		Since:    q.moment("since"),
		Until:    q.moment("until"),
		IDPrefix: q.text("id"),
		Terms:    q.terms(),
		Limit:    q.limit(),
	}
	at := cursor(q, openJob)

	f.After, f.Before = at.after, at.before
	if p := f.IDPrefix; p != "" &&
		(len(p) < view.MinIDPrefix || len(p) > 64 || strings.Trim(p, "0123456789abcdef") != "") {
		q.wrong("id", "%q is not 4 to 64 lower-case hex digits", state.Excerpt(p))
	}

	if f.IDPrefix != "" && len(f.Terms) > 0 {
		q.wrong("id", "cannot be combined with %s", state.Excerpt(f.Terms[0].Name))
	}

	return f, q.err()
}

// ReadTaskFilter reads the query parameters of the list of a job's tasks. For
// invalid parameters, it returns an Error with CodeInvalid.
func ReadTaskFilter(rawQuery string) (view.TaskFilter, error) {
	q := parseQuery(rawQuery, "stage", "status", "error", "from", "to", "limit", "cursor")
	f := view.TaskFilter{
		Stage: q.text("stage"),
		Error: q.fingerprint("error"),
		After: cursor(q, openTask),
		Limit: q.limit(),
	}

	f.From, f.Until = q.indexes(f.Stage)
	if statuses := oneOf(q, "status", state.TaskStatuses); len(statuses) > 1 {
		q.wrong("status", "accepts one status")
	} else if len(statuses) == 1 {
		f.Status = statuses[0]
	}

	if f.Error != 0 && f.Status != "" && f.Status != state.TaskFailed {
		q.wrong("error", "selects failed tasks, which conflicts with status")
	}

	return f, q.err()
}

// ReadEventFilter reads the query parameters of a job's history. For invalid
// parameters, it returns an Error with CodeInvalid.
func ReadEventFilter(rawQuery string) (view.EventFilter, error) {
	q := parseQuery(rawQuery, "kind", "stage", "after", "limit", "cursor")
	f := view.EventFilter{Kind: q.text("kind"), Stage: q.text("stage"), Limit: q.limit()}
	f.After = max(q.number("after"), cursor(q, numbered("e")))

	return f, q.err()
}

// ReadSweepFilter reads the query parameters of the list of sweeps: the sweep
// before which the page begins, and the size of the page.
func ReadSweepFilter(rawQuery string) (before int64, limit int, err error) {
	q := parseQuery(rawQuery, "limit", "cursor")
	before, limit = cursor(q, numbered("s")), q.limit()

	return before, limit, q.err()
}

// ReadDeadFilter reads the query parameters of the list of dead letters. For
// invalid parameters, it returns an Error with CodeInvalid.
func ReadDeadFilter(rawQuery string) (view.DeadFilter, error) {
	q := parseQuery(rawQuery, "reason", "limit", "cursor")
	f := view.DeadFilter{Reason: q.text("reason"), After: cursor(q, numbered("d")), Limit: q.limit()}

	return f, q.err()
}

// Cursors for links to the next page. They are nil if there is none.
var (
	JobCursor   = sealJob
	NewerCursor = sealNewer // for the previous page of jobs
	TaskCursor  = sealTask
	EventCursor = func(id *int64) *string { return sealNumber("e", id) }
	SweepCursor = func(id *int64) *string { return sealNumber("s", id) }
	DeadCursor  = func(id *int64) *string { return sealNumber("d", id) }
)
