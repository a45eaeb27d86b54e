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

// stopPatience is how long a stop continues without ending anything. The rows may
// be locked by another transaction for a moment, or another worker may have
// claimed the stop's message. After that, the process that claims the message
// next continues the stop.
const stopPatience = 2 * time.Second

// stopJob ends a job that was cancelled or is failing. It ends queued work
// immediately and running work when its handlers return. If the handlers have
// not returned after the grace period, stopJob ends the work without them. If
// stopJob is interrupted at any point, the process that claims the message next
// continues.
func (m *Machine) stopJob(s *session, h *inFlight) error {
	s.cancelJob(h.JobID, h.Incarnation)

	for progress := time.Now(); time.Since(progress) < stopPatience; {
		n, err := m.stopWork(s, h, false)
		if err != nil {
			return m.requeue(s, h, err)
		}

		if n > 0 {
			progress = time.Now()
			continue
		}

		st, found, err := m.store.StopState(s.ctx, h.JobID)
		wait := stopPoll

		switch {
		case err != nil:
			return m.requeue(s, h, err)
		case !found:
			return m.drop(s, h)
		case st.Queued > 0 || st.Undispatched > 0: // another transaction holds a lock on it
			wait = stopPoll / 10
		case st.Held > 0 && st.Since < m.cfg.Grace.Seconds():
			progress = time.Now() // until the grace period is over
		case st.Held > 0:
			n, err := m.stopWork(s, h, true)
			if err != nil {
				return m.requeue(s, h, err)
			}

			if n > 0 {
				progress = time.Now()
				continue
			}
		default:
			ended, err := m.stopEnd(s, h)
			if err != nil || ended {
				return err
			}
		}

		if !clock.Sleep(s.ctx, wait) {
			return state.Errorf(state.CodeUnavailable, "coremachine.stop", "the cancel was interrupted")
		}
	}

	return state.Errorf(
		state.CodeUnavailable,
		"coremachine.stop",
		"the cancel was not completed: another worker may have claimed its message",
	)
}

func (m *Machine) stopWork(s *session, h *inFlight, includeHeld bool) (int, error) {
	return retry(s.ctx, func() (int, error) {
		return m.store.StopWork(s.ctx, s.worker, h.ClaimedMessage, includeHeld)
	})
}

func (m *Machine) stopEnd(s *session, h *inFlight) (ended bool, err error) {
	err = m.retryTransition(s, func() (effects state.TransitionEffects, err error) {
		ended, effects, err = m.store.StopEnd(s.ctx, s.worker, h.ClaimedMessage)
		return effects, err
	})

	return ended, err
}
