package pgqueue

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

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
		var (
			d   queue.Dead
			job []byte
		)

		m := &d.Message
		err := row.Scan(
			&job,
			&m.MessageID,
			&m.Queue,
			&m.Kind,
			&m.Stage,
			&m.Gen,
			&m.First,
			&m.Count,
			&m.Attempt,
			&m.Send,
			&d.Deliveries,
			&m.Traceparent,
			&d.Reason,
		)
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
	return q.redrive(
		ctx,
		name,
		redriveSQL,
		pgx.StrictNamedArgs{"queue": name, "reason": reason, "most": most},
	)
}

// RedriveOnly makes those of the named messages due again that are dead, and
// returns how many.
func (q *Queue) RedriveOnly(ctx context.Context, name state.Queue, ids []int64) (int, error) {
	return q.redrive(ctx, name, redriveOnly, pgx.StrictNamedArgs{"queue": name, "ids": ids})
}

// MarkDead notes on rows that a transport which they were handed to set their
// messages aside, and returns of how many. Messages whose work is over, or goes
// on, are passed over.
func (q *Queue) MarkDead(ctx context.Context, dead []queue.Dead) (int, error) {
	dead = slices.SortedFunc(slices.Values(dead), func(a, b queue.Dead) int {
		return cmp.Or(
			a.Message.JobID.Compare(b.Message.JobID),
			cmp.Compare(a.Message.MessageID, b.Message.MessageID),
			cmp.Compare(b.Message.Send, a.Message.Send),
		)
	})

	var (
		jobs                        [][]byte
		ids                         []int64
		sends, attempts, deliveries []int32
		reasons                     []string
	)

	for _, d := range dead {
		jobs = append(jobs, d.Message.JobID[:])
		ids = append(ids, d.Message.MessageID)
		reasons = append(reasons, cmp.Or(d.Reason, state.DeadNoReason))
		sends, attempts = append(sends, small(d.Message.Send)), append(attempts, small(d.Message.Attempt))
		deliveries = append(deliveries, small(d.Deliveries))
	}

	tag, err := q.pool.Exec(ctx, markDeadSQL, pgx.StrictNamedArgs{
		"job_ids":     jobs,
		"message_ids": ids,
		"sends":       sends,
		"attempts":    attempts,
		"deliveries":  deliveries,
		"reasons":     reasons,
	})
	if err != nil {
		return 0, unavailable(err)
	}

	return int(tag.RowsAffected()), nil
}

// small makes a number that a stranger wrote one that a column takes.
func small(n int) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

func (q *Queue) redrive(
	ctx context.Context,
	name state.Queue,
	sql string,
	args pgx.StrictNamedArgs,
) (int, error) {
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
	return state.Wrap(
		state.CodeUnavailable,
		"pgqueue.DeadLetters",
		"the dead letters cannot be read now",
		err,
	)
}
