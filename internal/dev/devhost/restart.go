package devhost

import (
	"context"
	"errors"
	"time"
)

// Restart ends the handler and waits until the next process answers. Until then,
// calls wait. Messages of calls in flight are delivered again. If the handler
// starts at this time, it is ended too, because it may be an older build.
func (h *Host) Restart(ctx context.Context) error {
	var old *process

	if s := h.session.Load(); s != nil {
		if old = s.worker.state.Load().proc; old != nil {
			s.worker.requestRestart(old)
		}
	}

	for {
		if changed, ok := h.replaced(old); ok {
			return nil
		} else if changed != nil {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}

		select { // the platform starts the host again
		case <-ctx.Done():
			return ctx.Err()
		case <-h.done:
			return errors.Join(errStopped, h.err)
		case <-time.After(readinessPoll):
		}
	}
}

// replaced reports whether another process than old is ready. If not, it
// returns a channel that is closed when the state changes, or nil if the host
// is stopped.
func (h *Host) replaced(old *process) (changed <-chan struct{}, ok bool) {
	s := h.session.Load()
	if s == nil {
		return nil, false
	}

	state := s.worker.state.Load()
	switch {
	case state.phase == ready && state.proc != old:
		return nil, true
	case state.phase == stopped:
		return nil, false
	}

	return state.changed, false
}
