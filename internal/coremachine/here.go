package coremachine

import (
	"time"

	"coremachine/internal/state"
)

// Chain lets what a commit starts go on in this process at once, in part,
// without a trip through the queue. It is for processes that receive for
// themselves: a host that feeds a process counts its work, and its life, by the
// invocations.
func (m *Machine) Chain() { m.chain.Store(true) }

// withLocal runs a transaction that may start work in this process, and
// continues with what it took. Each message that the transaction takes has its
// slot before.
func (m *Machine) withLocal(s *session, fn func(state.Here) (state.Moved, error)) error {
	here := state.Here{Took: m.pace.of}

	reserved, used := 0, 0
	defer func() { // also if fn panics
		for range reserved - used {
			m.slots.release()
		}
	}()

	if s != nil {
		here.Worker = s.worker
	}

	if s != nil && m.chain.Load() && s.intake.Err() == nil {
		here.Room = m.cfg.MaxRunning - int(m.running.Load())
		here.Reserve = func() bool {
			ok := m.slots.tryAcquire()
			if ok {
				reserved++
			}

			return ok
		}
	}

	moved, err := fn(here)

	used = m.goOn(s, moved, err) // after an error too: it may have been committed

	return err
}

// goOn wakes whoever waits for what a transaction moved, and works on what it
// took for this process. It returns how many reserved slots it has passed on.
func (m *Machine) goOn(s *session, moved state.Moved, err error) (used int) {
	m.wake(moved)

	if err != nil {
		return 0 // whether it was committed is not known; if so, what it took is found forgotten and put back
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
		h.slot = true
		used++

		m.work.Go(func() {
			defer s.drop(key, h)
			defer m.freeReserved(h)

			h.err = m.protect(s, h, func() error { return m.processHeld(s, h) })
		})
	}

	return used
}
