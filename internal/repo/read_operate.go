package repo

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// eventScan is the maximum number of events that a page reads. A page can be
// short although more follow.
const eventScan = 2000

// ListEvents returns a page of a job's events, oldest first. It returns
// CodeNotFound if there is no such job.
func (r *Repo) ListEvents(
	ctx context.Context,
	id state.JobID,
	f view.EventFilter,
) (view.Page[view.EventView, int64], error) {
	const op = "repo.ListEvents"

	page := view.Page[view.EventView, int64]{Items: []view.EventView{}}
	if err := checkLimit(op, f.Limit); err != nil {
		return page, err
	}

	name := "read_events"

	args := namedArgs{
		"job_id": id[:],
		"after":  f.After,
		"stage":  f.Stage,
		"scan":   eventScan,
		"most":   f.Limit + 1,
	}
	if f.Kind != "" {
		name, args["kind"] = "read_events_kind", f.Kind
	}

	rows, err := r.pool.Query(ctx, statement(name), args)
	if err != nil {
		return page, failure(op, err)
	}

	var e eventRow

	_, err = pgx.ForEachRow(
		rows,
		[]any{&e.EventID, &e.At, &e.Kind, &e.Stage, &e.Index, &e.Fingerprint, &e.Detail, &e.Edge},
		func() error {
			switch {
			case e.EventID == nil:
				page.Next = e.Edge
			case len(page.Items) == f.Limit: // one more than the page
				last := page.Items[f.Limit-1].EventID
				page.Next = &last
			default:
				page.Items = append(page.Items, e.view())
				page.Next = e.Edge
			}

			return nil
		},
	)
	if err != nil {
		return page, failure(op, err)
	}

	if len(page.Items) > 0 || f.After > 0 {
		return page, nil
	}

	return page, r.mustExist(ctx, op, id)
}

func (r *Repo) mustExist(ctx context.Context, op string, id state.JobID) error {
	var there bool
	if err := r.pool.QueryRow(ctx, statement("read_job_exists"), namedArgs{"job_id": id[:]}).
		Scan(&there); err != nil {
		return failure(op, err)
	}

	if !there {
		return noJob(op, id)
	}

	return nil
}

// eventRow is a row of the statements that list events. A row without an
// EventID only says how far the statement has read.
type eventRow struct {
	EventID *int64
	At      *time.Time
	Kind    string
	Stage   string
	Index   *int
	Detail  json.RawMessage
	Edge    *int64

	Fingerprint state.Fingerprint
}

func (e eventRow) view() view.EventView {
	v := view.EventView{
		EventID: *e.EventID,
		At:      e.At.UTC(),
		Kind:    e.Kind,
		Stage:   e.Stage,
		Detail:  append(json.RawMessage(nil), e.Detail...),
	}

	v.Fingerprint = e.Fingerprint
	if e.Index != nil {
		index := *e.Index
		v.Index = &index
	}

	var told struct {
		Message string `json:"message"`
		Attempt int    `json:"attempt"`
	}
	if json.Unmarshal(e.Detail, &told) == nil {
		v.Message, v.Attempt = told.Message, told.Attempt
	}

	return v
}

// ReadQueues returns the number of messages in each queue. It counts no further
// than view.MaxDepth.
func (r *Repo) ReadQueues(ctx context.Context) ([]view.QueueView, error) {
	numbers := make([]int16, len(state.Queues))
	for i, q := range state.Queues {
		numbers[i] = int16(q)
	}

	rows, err := r.pool.Query(
		ctx,
		statement("read_queues"),
		namedArgs{"queues": numbers, "most": view.MaxDepth},
	)
	if err != nil {
		return nil, failure("repo.ReadQueues", err)
	}

	var (
		q     state.Queue
		v     view.QueueView
		views []view.QueueView
	)

	_, err = pgx.ForEachRow(
		rows,
		[]any{&q, &v.Ready, &v.Scheduled, &v.Sent, &v.Held, &v.Dead, &v.OldestSeconds},
		func() error {
			v.Queue = q.String()
			views = append(views, v)

			return nil
		},
	)
	if err != nil {
		return nil, failure("repo.ReadQueues", err)
	}

	return views, nil
}

// ReadFlow counts the messages that were added and removed.
func (r *Repo) ReadFlow(ctx context.Context) (f view.Flow, err error) {
	if err := r.pool.QueryRow(ctx, statement("read_flow"), namedArgs{}).Scan(&f.Made, &f.Gone); err != nil {
		return f, failure("repo.ReadFlow", err)
	}

	return f, nil
}

// ListDead returns a page of the dead letters of a queue, oldest first.
func (r *Repo) ListDead(
	ctx context.Context,
	q state.Queue,
	f view.DeadFilter,
) (view.Page[view.DeadView, int64], error) {
	const op = "repo.ListDead"

	page := view.Page[view.DeadView, int64]{Items: []view.DeadView{}}
	if err := checkLimit(op, f.Limit); err != nil {
		return page, err
	}

	rows, err := r.pool.Query(ctx, statement("read_dead"), namedArgs{
		"queue": q, "reason": f.Reason, "ids": idList(f.IDs), "after": f.After, "most": f.Limit + 1,
	})
	if err != nil {
		return page, failure(op, err)
	}

	var (
		id   []byte
		kind state.MessageKind
	)

	d := view.DeadView{Queue: q.String()}
	into := []any{
		&d.MessageID,
		&id,
		&d.JobType,
		&kind,
		&d.Stage,
		&d.StageName,
		&d.First,
		&d.Count,
		&d.TasksLeft,
		&d.Deliveries,
		&d.Reason,
		&d.Since,
		&d.Wanted,
	}

	_, err = pgx.ForEachRow(rows, into, func() error {
		if len(page.Items) == f.Limit { // one more than the page
			last := page.Items[f.Limit-1].MessageID
			page.Next = &last

			return nil
		}

		d.JobID, d.Kind, d.Since = state.JobID(id), kind.String(), d.Since.UTC()
		page.Items = append(page.Items, d)

		return nil
	})
	if err != nil {
		return page, failure(op, err)
	}

	return page, nil
}

// ListSweeps returns a page of sweeps, newest first, that precede a sweep id. If
// the id is 0, the page starts with the latest sweep.
func (r *Repo) ListSweeps(
	ctx context.Context,
	before int64,
	limit int,
) (view.Page[view.SweepView, int64], error) {
	const op = "repo.ListSweeps"

	page := view.Page[view.SweepView, int64]{Items: []view.SweepView{}}
	if err := checkLimit(op, limit); err != nil {
		return page, err
	}

	rows, err := r.pool.Query(ctx, statement("read_sweeps"), namedArgs{"before": before, "most": limit + 1})
	if err != nil {
		return page, failure(op, err)
	}

	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[view.SweepView])
	if err != nil {
		return page, failure(op, err)
	}

	for i := range found {
		found[i].StartedAt, found[i].EndedAt = found[i].StartedAt.UTC(), utc(found[i].EndedAt)
	}

	if len(found) > limit {
		found = found[:limit]
		page.Next = &found[limit-1].SweepID
	}

	page.Items = append(page.Items, found...)

	return page, nil
}

// idList turns a nil list into an empty one, which SQL can distinguish from
// null.
func idList(ids []int64) []int64 { return append([]int64{}, ids...) }

// DeadReasons returns why messages of a queue became dead letters, the most
// frequent reason first. It reads at most view.MaxDepth of them.
func (r *Repo) DeadReasons(ctx context.Context, q state.Queue) ([]view.DeadReason, error) {
	const op = "repo.DeadReasons"

	rows, err := r.pool.Query(ctx, statement("read_dead_reasons"),
		namedArgs{"queue": q, "most": view.MaxDepth, "groups": view.MaxDeadReasons})
	if err != nil {
		return nil, failure(op, err)
	}

	reasons, err := pgx.CollectRows(rows, pgx.RowToStructByName[view.DeadReason])
	if err != nil {
		return nil, failure(op, err)
	}

	for i := range reasons {
		reasons[i].Oldest, reasons[i].Newest = reasons[i].Oldest.UTC(), reasons[i].Newest.UTC()
	}

	return reasons, nil
}

// CountDead counts the dead letters of a queue that match the filter: those
// whose work has not ended, and the others. It reads at most view.MaxDepth.
func (r *Repo) CountDead(
	ctx context.Context,
	q state.Queue,
	f view.DeadFilter,
) (wanted, unwanted int, err error) {
	args := namedArgs{"queue": q, "reason": f.Reason, "ids": idList(f.IDs), "most": view.MaxDepth}
	if err := r.pool.QueryRow(ctx, statement("read_dead_count"), args).Scan(&wanted, &unwanted); err != nil {
		return 0, 0, failure("repo.CountDead", err)
	}

	return wanted, unwanted, nil
}
