package repo

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// LastEvents returns the latest events of a job, newest first. It returns none
// if there is no such job.
func (r *Repo) LastEvents(ctx context.Context, id state.JobID, most int) ([]view.EventView, error) {
	const op = "repo.LastEvents"
	if err := checkLimit(op, most); err != nil {
		return nil, err
	}

	rows, err := r.pool.Query(
		ctx,
		statement("read_events_last"),
		namedArgs{"job_id": id[:], "most": most, "before": int64(math.MaxInt64)},
	)
	if err != nil {
		return nil, failure(op, err)
	}

	var (
		e      eventRow
		events []view.EventView
	)

	_, err = pgx.ForEachRow(
		rows,
		[]any{&e.EventID, &e.At, &e.Kind, &e.Stage, &e.Index, &e.Detail, &e.Edge},
		func() error {
			events = append(events, e.view())
			return nil
		},
	)
	if err != nil {
		return nil, failure(op, err)
	}

	return events, nil
}
