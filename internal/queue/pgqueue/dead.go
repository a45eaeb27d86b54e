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

// Peek returns dead letters, oldest first.
func (q *Queue) Peek(ctx context.Context, name state.Queue, maxMessages int) ([]queue.Dead, error) {
	rows, err := q.pool.Query(ctx, peekDeadSQL, pgx.StrictNamedArgs{"queue": name, "max_messages": maxMessages})
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

// Redrive makes dead letters due again.
func (q *Queue) Redrive(ctx context.Context, name state.Queue, reason string, maxMessages int) (int, error) {
	return q.redrive(
		ctx,
		name,
		redriveSQL,
		pgx.StrictNamedArgs{"queue": name, "reason": reason, "max_messages": maxMessages},
	)
}

// RedriveOnly makes the dead letters with the given message IDs due again, and
// returns how many.
func (q *Queue) RedriveOnly(ctx context.Context, name state.Queue, ids []int64) (int, error) {
	return q.redrive(ctx, name, redriveOnly, pgx.StrictNamedArgs{"queue": name, "ids": ids})
}

// MarkDead records on rows that the transport dead-lettered their messages, and
// returns the number of changed rows. It skips messages that were completed or
// claimed, or sent again.
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
		sends, attempts = append(sends, clampInt32(d.Message.Send)), append(attempts, clampInt32(d.Message.Attempt))
		deliveries = append(deliveries, clampInt32(d.Deliveries))
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

// clampInt32 limits a number that another program wrote to the range of its
// column.
func clampInt32(n int) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

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
		"reading the dead letters failed",
		err,
	)
}
