package coremachine

import (
	"time"

	"coremachine/internal/state"
)

// EnableLocalDispatch lets what a commit starts go on in this process at once, in part,
// without a trip through the queue. It is for processes that receive for
// themselves: a host that feeds a process counts its work, and its life, by the
// invocations.
func (m *Machine) EnableLocalDispatch() { m.chain.Store(true) }

// inLocalTx runs a transaction that may start work in this process, and
// continues with what it took. Each message that the transaction takes has its
// slot before.
func (m *Machine) inLocalTx(s *session, fn func(state.LocalCapacity) (state.TransitionEffects, error)) error {
	local := state.LocalCapacity{Took: m.durations.of}

	reserved, used := 0, 0
	defer func() { // also if fn panics
		for range reserved - used {
			m.slots.release()
		}
	}()

	if s != nil {
		local.Worker = s.worker
	}

	if s != nil && m.chain.Load() && s.intake.Err() == nil {
		local.Room = m.cfg.MaxRunning - int(m.running.Load())
		local.Reserve = func() bool {
			ok := m.slots.tryAcquire()
			if ok {
				reserved++
			}

			return ok
		}
	}

	effects, err := fn(local)

	used = m.continueLocally(s, effects, err) // after an error too: it may have been committed

	return err
}

// continueLocally wakes whoever waits for what a transaction moved, and works on what it
// took for this process. It returns how many reserved slots it has passed on.
func (m *Machine) continueLocally(s *session, effects state.TransitionEffects, err error) (used int) {
	m.wake(effects)

	if err != nil {
		return 0 // whether it was committed is not known; if so, what it took is found forgotten and put back
	}

	for i := range effects.Taken {
		held := &effects.Taken[i]
		key := workKey{held.JobID, held.MessageID}

		h, fresh := s.register(key)
		if !fresh {
			continue // it was delivered and found claimed: its holder is us
		}

		h.ClaimedMessage, h.at = *held, time.Now()
		h.claimed.Store(true)
		h.slot = true
		used++

		m.work.Go(func() {
			defer s.unregister(key, h)
			defer m.freeReserved(h)

			h.err = m.protect(s, h, func() error { return m.processClaimed(s, h) })
		})
	}

	return used
}
