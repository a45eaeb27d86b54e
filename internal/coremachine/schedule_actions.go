package coremachine

import (
	"context"
	"fmt"
	"time"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// ScheduleOperator changes schedules for an operator, and starts their jobs
// outside their slots.
type ScheduleOperator interface {
	JobState(ctx context.Context, id state.JobID) (state.JobState, error)
	Schedules(ctx context.Context) (found []state.ScheduleRow, now time.Time, err error)
	Now(ctx context.Context) (time.Time, error)
	TriggerSchedule(
		ctx context.Context,
		f state.ScheduleTrigger,
		limit int,
	) (res state.Fired, effects state.TransitionEffects, err error)
	RecordBackfill(ctx context.Context, b state.Backfill) error
	PauseSchedule(ctx context.Context, name, by string) (landed bool, err error)
	ResumeSchedule(ctx context.Context, name, declaration string, next *time.Time) (landed bool, err error)
}

// PauseSchedule stops a schedule until it is resumed. Slots in between are not
// missed: they do not exist. A repeat changes nothing. An unknown schedule is an
// Error with CodeNotFound, and one that was removed with CodeConflict.
func (m *Machine) PauseSchedule(ctx context.Context, name, by string) error {
	landed, err := m.store.PauseSchedule(ctx, name, by)
	if err != nil || landed {
		return err
	}

	_, err = m.scheduleRow(ctx, name)

	return err
}

// ResumeSchedule continues a schedule at its next slot. The errors are those of
// PauseSchedule.
func (m *Machine) ResumeSchedule(ctx context.Context, name string) error {
	s, row, err := m.ownSchedule(ctx, name)
	if err != nil {
		return err
	}

	now, err := m.store.Now(ctx)
	if err != nil {
		return err
	}

	landed, err := m.store.ResumeSchedule(ctx, name, row.Declaration, instant(s.Next(now)))
	if err == nil && !landed {
		err = scheduleChanged("coremachine.ResumeSchedule")
	}

	return err
}

// TriggerSchedule starts the job of a schedule now, in addition to its slots,
// also while it is paused. A repeat with the same key finds the job of the first.
// If the overlap rule does not allow a job, the error has CodeConflict.
func (m *Machine) TriggerSchedule(ctx context.Context, req TriggerRequest) (SubmitResult, error) {
	const op = "coremachine.TriggerSchedule"

	s, row, err := m.ownSchedule(ctx, req.Name)
	if err != nil {
		return SubmitResult{}, err
	}

	key := req.Key
	if key == "" {
		now, err := m.store.Now(ctx)
		if err != nil {
			return SubmitResult{}, err
		}

		key = state.TriggerTime(now)
	}

	spec, err := m.scheduledJob(ctx, s, SubmitRequest{
		RunKey: state.TriggerKey(req.Name, key), By: req.By, Traceparent: req.Traceparent,
	})
	if err != nil {
		return SubmitResult{}, err
	}

	if found, ok, err := m.triggered(ctx, spec); ok || err != nil {
		return found, err
	}

	res, effects, err := m.store.TriggerSchedule(ctx, state.ScheduleTrigger{
		Name: req.Name, Declaration: row.Declaration, By: req.By,
		Overlap: s.Declaration(m.cfg.Jobs).Overlap, Job: &spec,
	}, m.cfg.MaxQueued)

	switch {
	case err != nil:
		return SubmitResult{}, err
	case res.Refused:
		return SubmitResult{}, m.busy()
	case !res.Landed:
		return SubmitResult{}, scheduleChanged(op)
	case res.Found || res.Skipped && res.Open == spec.JobID: // a concurrent repeat was first
		found, _, err := m.triggered(ctx, spec)
		return found, err
	case res.Skipped:
		return SubmitResult{}, conflict(op, fmt.Sprintf(
			"the last job of the schedule is still open: %s; wait for its end, or cancel it", res.Open.Short()))
	}

	m.wake(effects)

	return SubmitResult{
		JobID: spec.JobID, RunKey: spec.RunKey, Status: state.JobQueued, Attempt: 1,
		Created: true, Started: true, Parameters: spec.Params,
	}, nil
}

// triggered returns the job of an earlier trigger with the same key, if there is
// one.
func (m *Machine) triggered(ctx context.Context, spec state.JobSpec) (res SubmitResult, found bool, err error) {
	job, err := m.store.JobState(ctx, spec.JobID)

	switch {
	case state.CodeOf(err) == state.CodeNotFound:
		return SubmitResult{}, false, nil
	case err != nil:
		return SubmitResult{}, false, err
	case job.Deleting:
		return SubmitResult{}, false, conflict("coremachine.TriggerSchedule", "the job of this key is being deleted")
	}

	return SubmitResult{
		JobID: spec.JobID, Status: job.Status, Attempt: job.Attempt, Parameters: spec.Params,
	}, true, nil
}

// BackfillSchedule starts the job of each slot from a time until before another,
// unless the slot has its job. The overlap rule does not apply. A repeat starts
// what is left. More than MaxFireAll slots, or a range that is not in the past,
// is an Error with CodeInvalid.
func (m *Machine) BackfillSchedule(
	ctx context.Context, name string, from, until time.Time, by string,
) (Backfilled, error) {
	s, _, err := m.ownSchedule(ctx, name)
	if err != nil {
		return Backfilled{}, err
	}

	now, err := m.store.Now(ctx)
	if err != nil {
		return Backfilled{}, err
	}

	slots, err := backfillSlots(s, from, until, now)
	if err != nil || len(slots) == 0 {
		return Backfilled{}, err
	}

	var done Backfilled

	for _, slot := range slots {
		spec, err := m.scheduledJob(ctx, s, SubmitRequest{RunKey: state.ScheduleKey(name, slot), By: by})
		if err != nil {
			return done, err
		}

		outcome, err := m.submit(ctx, spec)
		if err == nil && outcome == state.SubmitRefused {
			err = m.busy()
		}

		if err != nil {
			return done, err
		}

		done.Slots++

		if outcome == state.SubmitCreated {
			done.Created++
		}
	}

	return done, m.store.RecordBackfill(ctx, state.Backfill{Name: name, By: by, Slot: slots[0], Slots: len(slots)})
}

func backfillSlots(s define.Schedule, from, until, now time.Time) ([]time.Time, error) {
	const op = "coremachine.BackfillSchedule"

	if !from.Before(until) {
		return nil, state.Invalid(op, "the range is empty",
			state.FieldError{Field: "from", Message: "must be before until"})
	}

	if until.After(now) {
		return nil, state.Invalid(op, "the range is not in the past",
			state.FieldError{
				Field:   "until",
				Message: "must not be in the future: the schedule starts these jobs itself",
			})
	}

	var slots []time.Time

	for at := s.Next(from.Add(-time.Second)); !at.IsZero() && at.Before(until); at = s.Next(at) {
		if at.Before(from) {
			continue
		}

		if len(slots) == state.MaxFireAll {
			return nil, state.Invalid(op, "the range has too many slots", state.FieldError{
				Field:   "until",
				Message: fmt.Sprintf("must be earlier: a backfill has at most %d slots", state.MaxFireAll),
			})
		}

		slots = append(slots, at)
	}

	return slots, nil
}

// ownSchedule returns a schedule that this process declares as the row does.
func (m *Machine) ownSchedule(ctx context.Context, name string) (define.Schedule, state.ScheduleRow, error) {
	row, err := m.scheduleRow(ctx, name)
	if err != nil {
		return define.Schedule{}, row, err
	}

	s, ok := m.cfg.Schedules[name]
	if !ok || s.Declaration(m.cfg.Jobs).Text() != row.Declaration {
		return define.Schedule{}, row, conflict("coremachine.ownSchedule",
			"another build declares the schedule: this process does not know it as it is")
	}

	return s, row, nil
}

// scheduleRow finds a schedule that the running build declares.
func (m *Machine) scheduleRow(ctx context.Context, name string) (state.ScheduleRow, error) {
	const op = "coremachine.scheduleRow"

	rows, _, err := m.store.Schedules(ctx)
	if err != nil {
		return state.ScheduleRow{}, err
	}

	for _, row := range rows {
		switch {
		case row.Name != name:
		case row.Removed:
			return row, conflict(op, "the schedule was removed: the running build does not declare it")
		default:
			return row, nil
		}
	}

	return state.ScheduleRow{}, state.Errorf(state.CodeNotFound, op, "no schedule %q", name)
}

func scheduleChanged(op string) error {
	return conflict(op, "the schedule has changed; try again")
}
