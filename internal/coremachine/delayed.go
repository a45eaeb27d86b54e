package coremachine

import (
	"context"
	"fmt"
	"time"

	"coremachine/internal/state"
)

// Delayer delays the start of jobs.
type Delayer interface {
	// Now returns the time of the database.
	Now(ctx context.Context) (time.Time, error)
	StartNow(
		ctx context.Context,
		id state.JobID,
		by string,
	) (s state.StartState, effects state.TransitionEffects, err error)
}

// MaxDelay is the maximum time between the submit of a job and its start.
const MaxDelay = 366 * 24 * time.Hour

// delayedStart returns when the first stages of a job start, or zero for
// immediately. The clock of the database decides, so that a delay is the same
// from every process.
func (m *Machine) delayedStart(ctx context.Context, req SubmitRequest) (time.Time, error) {
	if !req.Delayed() {
		return time.Time{}, nil
	}

	now, err := m.store.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}

	return startTime(req, now)
}

// Delayed reports whether the request asks for a start that is not immediate.
func (req *SubmitRequest) Delayed() bool { return !req.StartAt.IsZero() || req.Delay != 0 }

func startTime(req SubmitRequest, now time.Time) (time.Time, error) {
	if !req.Delayed() {
		return time.Time{}, nil
	}

	at, field := req.StartAt, "start_at"
	if at.IsZero() {
		at, field = now.Add(req.Delay), "delay"
	}

	switch {
	case at.After(now.Add(MaxDelay)):
		return time.Time{}, state.Invalid("coremachine.Submit", "the start of the job is too far away",
			state.FieldError{Field: field, Message: "must be at most 366 days in the future"})
	case !at.After(now):
		return time.Time{}, nil
	}

	return at, nil
}

// startOf is the start of a delayed job, as callers see it.
func startOf(g state.JobSpec) *time.Time { return instant(g.StartAt.UTC()) }

// StartNow starts a delayed job. If its start has passed, StartNow changes
// nothing and returns nil. If the job was not delayed, or has ended, StartNow
// returns an Error with CodeConflict.
func (m *Machine) StartNow(ctx context.Context, id state.JobID, by string) error {
	const op = "coremachine.StartNow"

	s, effects, err := m.store.StartNow(ctx, id, by)
	if err != nil {
		return err
	}

	m.wake(effects)

	switch {
	case s.Landed:
		return nil
	case s.Deleting:
		return conflict(op, "the job is being deleted")
	case s.Status.Ended():
		return conflict(op, fmt.Sprintf("the job has ended: it is %s", s.Status))
	case s.Stopping:
		return conflict(op, "the job is being cancelled")
	case s.StartAt == nil:
		return conflict(op, fmt.Sprintf("the job has no delayed start: it is %s", s.Status))
	}

	return nil
}
