package pgqueue

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/queue"
	"coremachine/internal/state"
)

// Peek lists dead messages, oldest first.
func (q *Queue) Peek(ctx context.Context, name state.Queue, most int) ([]queue.Dead, error) {
	rows, err := q.pool.Query(ctx, peekDeadSQL, pgx.StrictNamedArgs{"queue": name, "most": most})
	if err != nil {
		return nil, unavailable(err)
	}
	dead, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (queue.Dead, error) {
		var d queue.Dead
		var job []byte
		m := &d.Message
		err := row.Scan(&job, &m.MessageID, &m.Queue, &m.Kind, &m.Stage, &m.Gen, &m.First, &m.Count, &m.Attempt, &m.Send,
			&d.Deliveries, &m.Traceparent, &d.Reason)
		copy(m.JobID[:], job)
		m.V = state.EnvelopeVersion
		d.ID = fmt.Sprintf("%s/%d", m.JobID, m.MessageID)
		return d, err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return dead, nil
}

// Redrive makes dead messages due again.
func (q *Queue) Redrive(ctx context.Context, name state.Queue, reason string, most int) (int, error) {
	return q.redrive(ctx, name, redriveSQL, pgx.StrictNamedArgs{"queue": name, "reason": reason, "most": most})
}

// RedriveOnly makes those of the named messages due again that are dead, and returns how many.
func (q *Queue) RedriveOnly(ctx context.Context, name state.Queue, ids []int64) (int, error) {
	return q.redrive(ctx, name, redriveOnly, pgx.StrictNamedArgs{"queue": name, "ids": ids})
}

func (q *Queue) redrive(ctx context.Context, name state.Queue, sql string, args pgx.StrictNamedArgs) (int, error) {
	tag, err := q.pool.Exec(ctx, sql, args)
	if err != nil {
		return 0, unavailable(err)
	}
	if tag.RowsAffected() > 0 {
		q.Wake(name)
	}
	return int(tag.RowsAffected()), nil
}

func unavailable(err error) error {
	return state.Wrap(state.CodeUnavailable, "pgqueue.DeadLetters", "the dead letters cannot be read now", err)
}
