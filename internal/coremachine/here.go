package coremachine

import (
	"time"

	"coremachine/internal/state"
)

// Chain lets what a commit starts go on in this process at once, in part, without a trip through the queue. It is for processes that receive
// for themselves: a host that feeds a process counts its work, and its life, by the invocations.
func (m *Machine) Chain() { m.chain.Store(true) }

// here is what a transaction of this process may start in it.
func (m *Machine) here(s *session) state.Here {
	h := state.Here{Took: m.pace.of}
	if s == nil {
		return h
	}
	h.Worker = s.worker
	if m.chain.Load() && !s.draining.Load() && s.ctx.Err() == nil {
		h.Room = m.cfg.MaxRunning - int(m.running.Load())
	}
	return h
}

// goOn wakes whoever waits for what a transaction moved, and works on what it took for this process.
func (m *Machine) goOn(s *session, moved state.Moved, err error) {
	m.wake(moved)
	if err != nil {
		return // whether it was committed is not known; if so, what it took is found forgotten and put back
	}
	for i := range moved.Taken {
		held := &moved.Taken[i]
		key := workKey{held.JobID, held.MessageID}
		h, fresh := s.take(key)
		if !fresh {
			continue // it was delivered and found claimed: its holder is us
		}
		h.Held, h.at = *held, time.Now()
		h.claimed.Store(true)
		m.work.Go(func() {
			defer s.drop(key, h)
			h.err = m.processHeld(s, h)
		})
	}
}
