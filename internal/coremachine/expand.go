package coremachine

import (
	"context"

	"coremachine/internal/state"

	"github.com/google/uuid"
)

// RetryExpander opens the tasks of a large stage range by range.
type RetryExpander interface {
	ExpandRetry(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		first int,
	) (next, planned int, landed bool, err error)
	ExpandRetryEnd(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage) (state.TransitionEffects, error)
}

// expandRetry opens the undone tasks of a large stage for a retry, range by
// range. It can be interrupted at any point. The next claim resumes at the first
// index of the message.
func (m *Machine) expandRetry(s *session, h *inFlight) error {
	for first, planned := h.First, h.First+1; first < planned; {
		var landed bool

		_, err := retry(h.ctx, func() (struct{}, error) {
			next, all, ok, err := m.store.ExpandRetry(h.ctx, s.worker, h.ClaimedMessage, first)
			if err == nil {
				first, planned, landed = next, all, ok
			}

			return struct{}{}, err
		})
		switch {
		case err != nil && h.ctx.Err() != nil && s.ctx.Err() == nil: // the job is being stopped
			return m.release(s, h, 0, "")
		case err != nil:
			return m.requeue(s, h, err)
		case !landed:
			return m.drop(s, h)
		}
	}

	return m.retryTransition(s, func() (state.TransitionEffects, error) {
		return m.store.ExpandRetryEnd(s.ctx, s.worker, h.ClaimedMessage)
	})
}
