package coremachine

import (
	"context"
	"fmt"

	"coremachine/internal/state"
)

// Retrier opens failed and cancelled tasks of an ended job again.
type Retrier interface {
	Retry(
		ctx context.Context,
		id state.JobID,
		by, traceparent string,
	) (res state.Retried, landed bool, effects state.TransitionEffects, err error)
	JobState(ctx context.Context, id state.JobID) (state.JobState, error)
}

// Retry runs again what did not complete: failed and cancelled tasks under the
// same gen, and from the start every stage downstream of them. A job that has
// not ended, that completed, or that is being deleted is an Error with
// CodeConflict.
func (m *Machine) Retry(ctx context.Context, id state.JobID, by, traceparent string) (state.Retried, error) {
	res, landed, effects, err := m.store.Retry(ctx, id, by, traceparent)
	if err != nil {
		return state.Retried{}, err
	}

	if landed {
		m.wake(effects)
		return res, nil
	}

	brief, err := m.store.JobState(ctx, id)
	if err != nil {
		return state.Retried{}, err
	}

	why := fmt.Sprintf(
		"the job is %s; only a job that failed, was cancelled or completed with errors can be retried",
		brief.Status,
	)
	switch {
	case brief.Deleting:
		why = "the job is being deleted"
	case brief.Stopping:
		why = "the job is being cancelled; retry it after it has ended"
	}

	return state.Retried{}, conflict("coremachine.Retry", why)
}
