package coremachine

import (
	"context"
	"fmt"

	"coremachine/internal/state"
)

// Canceller stops jobs on request.
type Canceller interface {
	Cancel(
		ctx context.Context,
		id state.JobID,
		by string,
	) (c state.CancelState, effects state.TransitionEffects, err error)
	ForceCancel(ctx context.Context, id state.JobID, by string) (ended bool, effects state.TransitionEffects, err error)
	JobState(ctx context.Context, id state.JobID) (state.JobState, error)
}

// Cancel requests that a job stop. Queued work ends immediately, and Cancel
// cancels the contexts of running handlers. Finally stages are not stopped. If
// the job has ended in another status than cancelled, or if its outcome is
// another one, Cancel returns an Error with CodeConflict. If the job is already
// being stopped, Cancel returns nil. If the stop message was set aside, Cancel
// redrives it.
func (m *Machine) Cancel(ctx context.Context, id state.JobID, by string) error {
	c, effects, err := m.store.Cancel(ctx, id, by)
	if err != nil {
		return err
	}

	m.wake(effects)

	if s := m.session.Load(); s != nil && c.Stopping {
		s.cancelJob(id, 0)
	}

	if c.Deleting {
		return conflict("coremachine.Cancel", "the job is being deleted")
	}

	if c.Outcome == state.JobCancelled {
		return nil
	}

	if c.Outcome != "" {
		return conflict("coremachine.Cancel", fmt.Sprintf(
			"the outcome of the job is decided: it is %s. Its finally stages are running, and only a forced "+
				"cancel stops them", c.Outcome))
	}

	if !c.Stopping || c.Status.Ended() && c.Status != state.JobCancelled {
		return conflict("coremachine.Cancel", fmt.Sprintf("the job has ended: it is %s", c.Status))
	}

	return nil
}

// ForceCancel ends a job as cancelled from its rows, in any state of the job.
// It is for jobs that Cancel does not end. Finally stages do not run, or are
// stopped, and a job whose outcome is decided ends with it. ForceCancel cancels
// the contexts of running handlers and does not wait for them. If the job has
// ended in another status than cancelled, ForceCancel returns an Error with
// CodeConflict.
func (m *Machine) ForceCancel(ctx context.Context, id state.JobID, by string) error {
	ended, effects, err := m.store.ForceCancel(ctx, id, by)
	if s := m.session.Load(); s != nil {
		s.cancelJob(id, 0)
	}

	m.wake(effects)

	if err != nil || ended {
		return err
	}

	brief, err := m.store.JobState(ctx, id)
	switch {
	case err != nil:
		return err
	case brief.Deleting:
		return conflict("coremachine.ForceCancel", "the job is being deleted")
	case brief.Status != state.JobCancelled:
		return conflict("coremachine.ForceCancel", fmt.Sprintf("the job has ended: it is %s", brief.Status))
	}

	return nil
}

func conflict(op, why string) error { return state.Errorf(state.CodeConflict, op, "%s", why) }
