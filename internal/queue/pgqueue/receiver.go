package pgqueue

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/clock"
	"coremachine/internal/queue"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

type receiver struct {
	q      *Queue
	queue  state.Queue
	wake   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	// failing is true if the last query failed.
	failing bool
	damping damping
}

func (r *receiver) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Close ends Receive. Deliveries in flight can still be settled.
func (r *receiver) Close() error {
	r.cancel()
	r.q.mu.Lock()
	delete(r.q.receivers, r)
	r.q.mu.Unlock()

	return nil
}

// Receive waits for due rows. If the database is unavailable, it retries.
func (r *receiver) Receive(ctx context.Context, maxMessages int) ([]queue.Delivery, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()

	backoff := clock.Backoff{Min: 50 * time.Millisecond, Max: 5 * time.Second}
	lockedWait := time.Duration(0)

	for {
		notified := r.damping.notified.Swap(false)

		batch, due, err := r.receiveDue(ctx, maxMessages)
		if len(batch) > 0 {
			r.damping.found()
			return batch, nil
		}

		if ctx.Err() != nil {
			return nil, r.ended(ctx)
		}

		var pause time.Duration

		if err == nil {
			r.damping.missed(notified)

			backoff.Reset()

			pause = r.untilDue(due, &lockedWait)
		} else {
			pause = backoff.Next()
		}

		r.report(err)

		if !r.pause(ctx, pause) {
			return nil, r.ended(ctx)
		}
	}
}

func (r *receiver) ended(ctx context.Context) error {
	if r.ctx.Err() != nil {
		return queue.ErrClosed
	}

	return ctx.Err()
}

// report logs the first failure and the recovery, not each attempt.
func (r *receiver) report(err error) {
	switch {
	case err != nil && !r.failing:
		r.q.log.Warn("queue receive failed, retrying", keys.Queue, r.queue.String(), keys.Error, err)
	case err == nil && r.failing:
		r.q.log.Info("queue receive recovered", keys.Queue, r.queue.String())
	}

	r.failing = err != nil
}

// pause sleeps until the receiver is woken. It returns false if ctx ended.
func (r *receiver) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()

	select {
	case <-r.wake:
	case <-t.C:
	case <-ctx.Done():
		return false
	}

	return true
}

// minLockedWait is the first pause after a due row was locked by another
// transaction. With many processes most due rows are locked for a moment and
// then claimed.
const minLockedWait = 100 * time.Millisecond

// untilDue returns how long to sleep: until the next row is due, and at most
// the poll interval. If a row is already due, another transaction has locked it
// and usually notifies when it ends. Therefore the pause doubles each time in a
// row.
func (r *receiver) untilDue(due time.Duration, lockedWait *time.Duration) time.Duration {
	if due > 0 {
		*lockedWait = 0
		return min(max(due, time.Millisecond), r.q.opts.Poll)
	}

	*lockedWait = min(max(2**lockedWait, minLockedWait), r.q.opts.Poll)

	return *lockedWait
}

// receiveDue receives rows and reads the due time of the next one, in one round
// trip.
func (r *receiver) receiveDue(
	ctx context.Context,
	maxMessages int,
) (batch []queue.Delivery, due time.Duration, err error) {
	begin := time.Now()

	var statements pgx.Batch
	statements.Queue(receiveSQL, pgx.StrictNamedArgs{
		"queue":          r.queue,
		"max_messages":   maxMessages,
		"lock":           r.q.opts.Lock.Seconds(),
		"max_deliveries": r.q.opts.MaxDeliveries,
	})
	statements.Queue(nextDueSQL, pgx.StrictNamedArgs{"queue": r.queue})
	results := r.q.pool.SendBatch(ctx, &statements)

	batch, err = r.deliveries(results, begin)
	if err != nil {
		return nil, 0, errors.Join(err, results.Close())
	}

	var seconds float64

	err = results.QueryRow().Scan(&seconds)

	due = time.Duration(seconds * float64(time.Second))
	if errors.Is(err, pgx.ErrNoRows) {
		due, err = r.q.opts.Poll, nil
	}

	if err = errors.Join(err, results.Close()); err != nil {
		return nil, 0, err // not committed: other receivers can receive the rows
	}

	return batch, due, nil
}

func (r *receiver) deliveries(results pgx.BatchResults, begin time.Time) ([]queue.Delivery, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}

	var batch []queue.Delivery

	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		d := queue.Delivery{EnqueuedAt: begin}

		var (
			job  []byte
			dead bool
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
			&m.Losses,
			&d.Deliveries,
			&m.Traceparent,
			&d.LockedUntil,
			&dead,
		)
		if err != nil {
			return struct{}{}, err
		}

		copy(m.JobID[:], job)

		if dead {
			r.q.log.Error(
				"message dead-lettered after too many deliveries",
				keys.JobID,
				m.JobID,
				keys.Queue,
				r.queue.String(),
			)

			return struct{}{}, nil
		}
		// The clock of the database can differ. Therefore the lock counts from
		// the time before the request, so that it never ends later here than in
		// the database.
		d.LockedUntil = begin.Add(r.q.opts.Lock)
		m.V = state.EnvelopeVersion
		d.MessageID, d.CorrelationID, d.Token = m.TransportID(), m.JobID.String(), d.Deliveries
		d.Body, err = state.EncodeMessage(*m)
		batch = append(batch, d)

		return struct{}{}, err
	})

	return batch, err
}

// settle runs a statement if this delivery still holds the lock of the row.
// Only the send number and the delivery count together identify a lock, because
// a deliberate send resets the delivery count.
func (r *receiver) settle(
	ctx context.Context,
	sql string,
	d queue.Delivery,
	more pgx.StrictNamedArgs,
) (bool, error) {
	args := pgx.StrictNamedArgs{
		"job_id":     d.Message.JobID[:],
		"message_id": d.Message.MessageID,
		"send":       d.Message.Send,
		"deliveries": d.Token,
	}
	maps.Copy(args, more)
	tag, err := r.q.pool.Exec(ctx, sql, args)

	return tag.RowsAffected() > 0, err
}

// Abandon makes the row due immediately.
func (r *receiver) Abandon(ctx context.Context, d queue.Delivery) error {
	ok, err := r.settle(ctx, abandonSQL, d, nil)
	if err != nil {
		return err
	}

	if !ok {
		return queue.ErrLockLost
	}

	r.q.Wake(r.queue)

	return nil
}

// Renew extends the lock.
func (r *receiver) Renew(ctx context.Context, d queue.Delivery) (time.Time, error) {
	begin := time.Now()

	ok, err := r.settle(ctx, renewSQL, d, pgx.StrictNamedArgs{"lock": r.q.opts.Lock.Seconds()})
	if err != nil {
		return time.Time{}, err
	}

	if !ok {
		return time.Time{}, queue.ErrLockLost
	}

	return begin.Add(r.q.opts.Lock), nil
}

// DeadLetter marks the row as dead.
func (r *receiver) DeadLetter(ctx context.Context, d queue.Delivery, reason string) error {
	ok, err := r.settle(ctx, deadLetterSQL, d, pgx.StrictNamedArgs{"reason": state.CleanText(reason)})
	if err == nil && !ok {
		return queue.ErrLockLost
	}

	return err
}
