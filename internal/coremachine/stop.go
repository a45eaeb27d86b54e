package coremachine

import (
	"context"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/state"

	"github.com/google/uuid"
)

// Stopper ends the work of a job that is being stopped.
type Stopper interface {
	StopState(ctx context.Context, id state.JobID) (s state.CancelProgress, found bool, err error)
	StopWork(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, includeHeld bool) (n int, err error)
	StopEnd(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
	) (ended bool, effects state.TransitionEffects, err error)
}

// stopPoll is how often a stop looks whether handlers have returned.
const stopPoll = 50 * time.Millisecond

// stopTries is the maximum number of refused attempts to end a stop. After that,
// the process that claims the message next continues the stop.
const stopTries = 20

// stopJob ends a job that was cancelled or is failing. It ends queued work
// immediately and running work when its handlers return. If the handlers have
// not returned after the grace period, stopJob ends the work without them. If
// stopJob is interrupted at any point, the process that claims the message next
// continues.
func (m *Machine) stopJob(s *session, h *inFlight) error {
	s.cancelJob(h.JobID, h.Incarnation)

	for refused := 0; refused < stopTries; {
		n, err := retry(
			s.ctx,
			func() (int, error) { return m.store.StopWork(s.ctx, s.worker, h.ClaimedMessage, false) },
		)
		if err != nil {
			return m.requeue(s, h, err)
		}

		if n > 0 {
			continue
		}

		st, found, err := m.store.StopState(s.ctx, h.JobID)
		switch {
		case err != nil:
			return m.requeue(s, h, err)
		case !found:
			return m.drop(s, h)
		case st.Queued > 0 || st.Undispatched > 0: // another transaction holds a lock on it
			if !clock.Sleep(s.ctx, stopPoll/10) {
				return state.Errorf(state.CodeUnavailable, "coremachine.stop", "the cancel was interrupted")
			}

			continue
		case st.Held > 0 && st.Since < m.cfg.Grace.Seconds():
			if !clock.Sleep(s.ctx, stopPoll) {
				return state.Errorf(state.CodeUnavailable, "coremachine.stop", "the cancel was interrupted")
			}

			continue
		case st.Held > 0:
			if _, err := retry(
				s.ctx,
				func() (int, error) { return m.store.StopWork(s.ctx, s.worker, h.ClaimedMessage, true) },
			); err != nil {
				return m.requeue(s, h, err)
			}

			continue
		}

		ended := false

		err = m.retryTransition(s, func() (effects state.TransitionEffects, err error) {
			ended, effects, err = m.store.StopEnd(s.ctx, s.worker, h.ClaimedMessage)
			return effects, err
		})
		if err != nil || ended {
			return err
		}

		refused++

		if !clock.Sleep(s.ctx, stopPoll) {
			return state.Errorf(state.CodeUnavailable, "coremachine.stop", "the cancel was interrupted")
		}
	}

	return state.Errorf(
		state.CodeUnavailable,
		"coremachine.stop",
		"the cancel was not completed: another worker may have claimed its message",
	)
}
