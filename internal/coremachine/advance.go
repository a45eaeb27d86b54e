package coremachine

import (
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// retryTransition repeats a transition until the database answers or the lease
// ends, and wakes the waiters of the jobs that the transition changed. If the
// transition fails permanently, retryTransition logs the error and
// processClaimed requeues the message.
func (m *Machine) retryTransition(s *session, fn func() (state.TransitionEffects, error)) error {
	return m.retryLocalTransition(s, func(state.LocalCapacity) (state.TransitionEffects, error) { return fn() })
}

// retryLocalTransition is retryTransition for a transition that may start work
// in this process.
func (m *Machine) retryLocalTransition(
	s *session,
	fn func(state.LocalCapacity) (state.TransitionEffects, error),
) error {
	_, err := retry(s.ctx, func() (struct{}, error) {
		return struct{}{}, m.inLocalTx(s, fn)
	})
	if err != nil {
		if s.ctx.Err() == nil {
			m.log.Error("a transition failed", keys.Error, err)
		}

		return state.Wrap(state.CodeUnavailable, "coremachine.Handle", "transition not recorded", err)
	}

	return nil
}

// wake notifies the waiters of the queues and of the jobs that a commit changed.
func (m *Machine) wake(effects state.TransitionEffects) {
	m.guard("coremachine.wake", func() {
		for i, due := range effects.Queues {
			if due {
				m.cfg.Wake(state.Queue(i + 1))
			}
		}

		for _, id := range effects.Jobs {
			m.cfg.JobEnded(id)
		}
	})
}
