package coremachine

import (
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// countUnresponsive counts a handler that was given up. Each one keeps its goroutine
// and what it holds, and its slot is free again: a process with many of them
// only looks healthy.
func (m *Machine) countUnresponsive() {
	n := m.unresponsive.Add(1)
	if n <= int64(m.cfg.MaxUnresponsive) {
		return
	}

	m.fail.Do(func() {
		m.log.Error("too many unresponsive handlers; the process exits",
			keys.Count, n, "limit", m.cfg.MaxUnresponsive)
		close(m.failed)
	})
}

// Failed is closed when this process can never work again: the caller stops it
// and exits with an error.
func (m *Machine) Failed() <-chan struct{} { return m.failed }

// Failure says why Failed is closed; nil: it is not.
func (m *Machine) Failure() error {
	select {
	case <-m.failed:
		return state.Errorf(
			state.CodeUnavailable,
			"coremachine.Failure",
			"more than %d handlers did not return when their contexts ended; the process exits",
			m.cfg.MaxUnresponsive,
		)
	default:
		return nil
	}
}
