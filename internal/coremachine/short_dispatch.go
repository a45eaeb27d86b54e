package coremachine

import (
	"time"

	"coremachine/internal/state"
)

// EnableLocalDispatch allows this process to continue immediately with part of
// the work that its commit starts, without a trip through the queue. It is for
// processes that receive messages themselves. A host that invokes the process
// for each message measures its work and its lifetime by the invocations.
func (m *Machine) EnableLocalDispatch() { m.receives.Store(true) }

// dispatchesLocally reports whether the commits of this process may claim the
// work that they start.
func (m *Machine) dispatchesLocally() bool { return m.receives.Load() && !m.cfg.DisableShortTasks }

// inLocalTx runs a transaction that may start work in this process, and
// continues with the messages that the transaction claimed. inLocalTx reserves
// a slot for each message before the transaction claims it.
func (m *Machine) inLocalTx(s *session, fn func(state.LocalCapacity) (state.TransitionEffects, error)) error {
	local := state.LocalCapacity{TaskDuration: m.durations.of}

	reserved, used := 0, 0
	defer func() { // also if fn panics
		for range reserved - used {
			m.slots.release()
		}
	}()

	if s != nil {
		local.Worker = s.worker
	}

	if s != nil && m.dispatchesLocally() && s.intake.Err() == nil {
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
	m.wake(effects)

	used = m.continueLocally(s, effects, err) // after an error too: it may have been committed

	return err
}

// continueLocally works on the messages that a transaction claimed for this
// process. It returns the number of reserved slots that it passed to those
// messages.
func (m *Machine) continueLocally(s *session, effects state.TransitionEffects, err error) (used int) {
	if err != nil {
		// The outcome of COMMIT is unknown. If it committed, releaseForgotten
		// requeues the claimed messages.
		return 0
	}

	for i := range effects.Taken {
		held := &effects.Taken[i]
		key := workKey{held.JobID, held.MessageID}

		h, fresh := s.register(key)
		if !fresh {
			continue // it was delivered meanwhile, and this process found its own claim
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
