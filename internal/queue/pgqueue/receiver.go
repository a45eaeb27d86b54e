package pgqueue

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

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
	away   bool // the database did not answer last time
	lazy   lazy
}

func (r *receiver) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Close ends Receive. Deliveries in hand can still be settled.
func (r *receiver) Close() error {
	r.cancel()
	r.q.mu.Lock()
	delete(r.q.waiting, r)
	r.q.mu.Unlock()

	return nil
}

// Receive waits for due rows. While the database is away it goes on trying.
func (r *receiver) Receive(ctx context.Context, most int) ([]queue.Delivery, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()

	backoff, passed := 50*time.Millisecond, time.Duration(0)

	for {
		told := r.lazy.told.Swap(false)

		batch, due, err := r.take(ctx, most)
		if len(batch) > 0 {
			r.lazy.found()
			return batch, nil
		}

		if ctx.Err() != nil {
			return nil, r.ended(ctx)
		}

		var pause time.Duration

		if err == nil {
			r.lazy.missed(told)

			backoff = 50 * time.Millisecond
			pause = r.untilDue(due, &passed)
		} else {
			pause = backoff/2 + rand.N(backoff/2)
			backoff = min(2*backoff, 5*time.Second)
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

// report logs when the database goes away and when it is back, not at each try
// between.
func (r *receiver) report(err error) {
	switch {
	case err != nil && !r.away:
		r.q.log.Warn("the queue cannot be read; trying on", keys.Queue, r.queue.String(), keys.Error, err)
	case err == nil && r.away:
		r.q.log.Info("the queue can be read again", keys.Queue, r.queue.String())
	}

	r.away = err != nil
}

// pause sleeps until woken; false when ctx ended.
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

// passedFirst is how soon a row is looked for that another's transaction held:
// with many processes most rows are, for a moment, and then they are gone.
const passedFirst = 100 * time.Millisecond

// untilDue is how long to sleep: until the next row is due, and no longer than
// the poll. A row that is due and was passed by is in somebody's transaction,
// whose end is told of as a rule: each time in a row it is looked for after
// twice the time, passed.
func (r *receiver) untilDue(due time.Duration, passed *time.Duration) time.Duration {
	if due > 0 {
		*passed = 0
		return min(max(due, time.Millisecond), r.q.opts.Poll)
	}

	*passed = min(max(2**passed, passedFirst), r.q.opts.Poll)

	return *passed
}

// take receives rows and reads when the next is due, in one round trip.
func (r *receiver) take(
	ctx context.Context,
	most int,
) (batch []queue.Delivery, due time.Duration, err error) {
	begin := time.Now()

	var looks pgx.Batch
	looks.Queue(receiveSQL, pgx.StrictNamedArgs{
		"queue":          r.queue,
		"most":           most,
		"lock":           r.q.opts.Lock.Seconds(),
		"max_deliveries": r.q.opts.MaxDeliveries,
	})
	looks.Queue(nextDueSQL, pgx.StrictNamedArgs{"queue": r.queue})
	results := r.q.pool.SendBatch(ctx, &looks)

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
		return nil, 0, err // it was not committed: the rows are anybody's
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
				"a message was delivered too often and set aside",
				keys.JobID,
				m.JobID,
				keys.Queue,
				r.queue.String(),
			)

			return struct{}{}, nil
		}
		// The database's clock is not ours: the lock is measured from when it
		// was asked for, and so never longer than it is.
		d.LockedUntil = begin.Add(r.q.opts.Lock)
		m.V = state.EnvelopeVersion
		d.MessageID, d.CorrelationID, d.Token = m.TransportID(), m.JobID.String(), d.Deliveries
		d.Body, err = state.EncodeMessage(*m)
		batch = append(batch, d)

		return struct{}{}, err
	})

	return batch, err
}

// settle runs a statement where the row is still under the lock of this
// delivery: a deliberate send counts deliveries anew, so that both numbers
// together tell one lock from all others.
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

// Abandon makes the row due at once.
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

// Renew moves the end of the lock.
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

// DeadLetter sets the row aside.
func (r *receiver) DeadLetter(ctx context.Context, d queue.Delivery, reason string) error {
	ok, err := r.settle(ctx, deadLetterSQL, d, pgx.StrictNamedArgs{"reason": state.CleanText(reason)})
	if err == nil && !ok {
		return queue.ErrLockLost
	}

	return err
}
