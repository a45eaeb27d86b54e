package coremachine

import "coremachine/internal/state"

// reopen opens the undone tasks of a large stage for a retry, range by range.
// It may be cut off anywhere: the message's first is where the next claim
// resumes.
func (m *Machine) reopen(s *session, h *holding) error {
	for first, planned := h.First, h.First+1; first < planned; {
		var landed bool

		_, err := retry(h.ctx, func() (struct{}, error) {
			next, all, ok, err := m.store.Reopen(h.ctx, s.worker, h.Held, first)
			if err == nil {
				first, planned, landed = next, all, ok
			}

			return struct{}{}, err
		})
		switch {
		case err != nil && h.ctx.Err() != nil && s.ctx.Err() == nil: // the job is being stopped
			return m.must(
				s,
				func() (state.Moved, error) { return m.store.Release(s.ctx, s.worker, h.Held, 0, "") },
			)
		case err != nil:
			return m.giveUp(s, h, err)
		case !landed:
			return m.must(
				s,
				func() (state.Moved, error) { return state.Moved{}, m.store.Drop(s.ctx, s.worker, h.Held) },
			)
		}
	}

	return m.must(s, func() (state.Moved, error) { return m.store.ReopenEnd(s.ctx, s.worker, h.Held) })
}
