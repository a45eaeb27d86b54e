package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// sweepTrouble replaces the errors of a sweep, which may quote the database.
const sweepTrouble = "some steps failed: see the log"

func sweepBody(s view.SweepView) view.SweepView {
	if s.Error != "" {
		s.Error = sweepTrouble
	}

	return s
}

func (a *API) sweeps(w http.ResponseWriter, r *http.Request) {
	before, limit, err := ReadSweepFilter(r.URL.RawQuery)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	page, err := a.Reader.ListSweeps(r.Context(), before, limit)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	newest := page.Items

	if before > 0 {
		first, err := a.Reader.ListSweeps(r.Context(), 0, 1)
		if err != nil {
			a.fail(w, r, err)
			return
		}

		newest = first.Items
	}

	body := sweepList{list: list[view.SweepView]{Items: page.Items, NextCursor: sealNumber("s", page.Next)}}

	if len(newest) > 0 {
		due := coremachine.NextSweep(newest[0].StartedAt)
		body.NextDue = &due
	}

	for i := range page.Items {
		page.Items[i] = sweepBody(page.Items[i])
	}

	a.ok(w, r, body)
}

// sweepList is a page of sweeps with the time of the next scheduled sweep.
type sweepList struct {
	list[view.SweepView]
	NextDue *time.Time `json:"next_due"` // null before the first sweep
}

// sweep runs a sweep now and answers with its record.
func (a *API) sweep(w http.ResponseWriter, r *http.Request) {
	if err := readQuery(r).err(); err != nil {
		a.fail(w, r, err)
		return
	}

	report, err := a.Engine.Sweep(r.Context())
	if report.SweepID == 0 && err == nil {
		err = state.Errorf(state.CodeInternal, "api", "a sweep left no record")
	}

	if report.SweepID == 0 {
		a.fail(w, r, err)
		return
	}

	page, err := a.Reader.ListSweeps(r.Context(), report.SweepID+1, 1)
	switch {
	case err != nil:
		a.fail(w, r, err)
	case len(page.Items) == 0 || page.Items[0].SweepID != report.SweepID:
		a.fail(w, r, state.Errorf(state.CodeInternal, "api", "sweep %d has no record", report.SweepID))
	default:
		a.ok(w, r, sweepBody(page.Items[0]))
	}
}

func (a *API) queues(w http.ResponseWriter, r *http.Request) {
	if err := readQuery(r).err(); err != nil {
		a.fail(w, r, err)
		return
	}

	queues, err := a.Queues.Read(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, queues)
}

func (a *API) dead(w http.ResponseWriter, r *http.Request) {
	queue, err := queueOf(r)

	f, bad := ReadDeadFilter(r.URL.RawQuery)
	if err = errors.Join(err, bad); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	page, err := a.Reader.ListDead(r.Context(), queue, f)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[view.DeadView]{Items: page.Items, NextCursor: sealNumber("d", page.Next)})
}

func (a *API) deadReasons(w http.ResponseWriter, r *http.Request) {
	queue, err := queueOf(r)
	if err = errors.Join(err, readQuery(r).err()); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	reasons, err := a.Reader.DeadReasons(r.Context(), queue)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, list[view.DeadReason]{Items: reasons})
}

func (a *API) redrive(w http.ResponseWriter, r *http.Request) {
	queue, err := queueOf(r)
	q := readQuery(r, "reason", "message_id", "dry_run")
	f := view.DeadFilter{Reason: q.text("reason"), IDs: q.numbers("message_id")}

	dryRun := q.boolean("dry_run")
	if f.Reason != "" && len(f.IDs) > 0 {
		q.wrong("message_id", "cannot be combined with reason")
	}

	if err = errors.Join(err, q.err()); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	if a.Dead == nil && !dryRun {
		a.fail(w, r, state.Errorf(state.CodeUnavailable, "api", "This process has no message transport."))
		return
	}

	wanted, unwanted, err := a.Reader.CountDead(r.Context(), queue, f)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	if dryRun {
		a.ok(w, r, view.Redriven{Redriven: wanted, Dropped: unwanted})
		return
	}

	sent, err := a.resend(r.Context(), queue, f)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	dropped := min(unwanted, sent)
	a.ok(w, r, view.Redriven{Redriven: sent - dropped, Dropped: dropped})
}

func (a *API) resend(ctx context.Context, q state.Queue, f view.DeadFilter) (int, error) {
	if len(f.IDs) > 0 {
		return a.Dead.RedriveOnly(ctx, q, f.IDs)
	}
	// Call the transport even if no row has the status dead: a broker may hold
	// dead messages whose rows have the status sent.
	return a.Dead.Redrive(ctx, q, f.Reason, view.MaxDepth)
}
