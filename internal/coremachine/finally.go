package coremachine

import (
	"context"

	"github.com/google/uuid"

	"coremachine/internal/state"
)

// FinallyStarter starts the stages that run after the outcome of a job is
// decided.
type FinallyStarter interface {
	BeginFinally(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
	) (decided bool, effects state.TransitionEffects, err error)
}

// beginFinally starts the finally stages of a job. If the outcome of the job is
// not decided yet, its other stages have ended, and beginFinally computes the
// result first: that decides the outcome, and another message follows.
func (m *Machine) beginFinally(s *session, h *inFlight) error {
	decided := false

	err := m.retryTransition(s, func() (effects state.TransitionEffects, err error) {
		decided, effects, err = m.store.BeginFinally(s.ctx, s.worker, h.ClaimedMessage)
		return effects, err
	})
	if err != nil || decided {
		return err
	}

	return m.finish(s, h)
}
