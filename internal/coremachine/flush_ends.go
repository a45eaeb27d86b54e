package coremachine

import (
	"context"
	"errors"
	"sync"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// commitSize bounds the group commits of a process below their usual limits,
// after one reached the time limit of a statement. It outlives the lease: a
// process must not begin again with a size that its database cannot do.
type commitSize struct {
	mu          sync.Mutex
	rows, bytes int // 0: no bound
}

// fits reports whether a group commit may be as large.
func (c *commitSize) fits(rows, bytes int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return rows <= 1 || c.rows == 0 || rows <= c.rows && bytes <= c.bytes
}

// shrink sets the bound to half of what reached the time limit. Another flusher
// may have set a lower one.
func (c *commitSize) shrink(rows, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()

	rows, bytes = max(1, rows/2), max(1, bytes/2)
	if c.rows == 0 {
		c.rows, c.bytes = rows, bytes
		return
	}

	c.rows, c.bytes = min(c.rows, rows), min(c.bytes, bytes)
}

// grow doubles the bound after a group commit that came near it, and removes
// one that bounds nothing any more.
func (c *commitSize) grow(rows, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if 2*rows <= c.rows && 2*bytes <= c.bytes {
		return
	}

	c.rows, c.bytes = 2*c.rows, 2*c.bytes
	if c.rows > endsBatch && c.bytes > commitBytes {
		c.rows, c.bytes = 0, 0
	}
}

// flushEnds records the ends of attempts. If the batch reaches the statement
// timeout, flushEnds records each half by itself, because a slow database can
// complete smaller batches. If the database refuses the batch, flushEnds also
// records each half by itself, which isolates the end at fault. If the database
// rejects the result of a single end, flushEnds records the attempt as failed.
// For any other error of a single end, flushEnds returns the error and the
// caller requeues the message.
func (m *Machine) flushEnds(ctx context.Context, s *session, ends []taskEnd) error {
	bytes := bytesOf(ends)
	if !m.commits.fits(len(ends), bytes) {
		return m.flushHalves(ctx, s, ends)
	}

	batch := make([]state.TaskEnd, len(ends))
	for i := range ends {
		batch[i] = ends[i].TaskEnd
	}

	err := m.inLocalTx(
		s,
		func(local state.LocalCapacity) (state.TransitionEffects, error) {
			return m.store.Complete(ctx, local, batch)
		},
	)
	if err == nil {
		s.landing.progressed()
		m.commits.grow(len(ends), bytes)

		return nil
	}

	code := state.CodeOf(err)

	slow := errors.Is(err, state.ErrStatementTimeout) && len(ends) > 1
	if ctx.Err() != nil || code == state.CodeUnavailable && !slow {
		s.landing.fail()
		return err
	}

	if slow {
		m.log.Warn(
			"group commit halved after a statement timeout",
			keys.Count,
			len(ends),
			keys.Error,
			err,
		)
		m.commits.shrink(len(ends), bytes)
		s.landing.progressed()
	}

	if len(ends) > 1 {
		return m.flushHalves(ctx, s, ends)
	}

	if code != state.CodeInvalid || ends[0].Status != state.TaskCompleted {
		m.log.Error("recording the end of an attempt failed", keys.JobID, ends[0].JobID, keys.Error, err)
		return err
	}

	culprit := ends[0]
	culprit.fail(
		state.Errorf(state.CodeInvalidResult, "coremachine.flushEnds", "the database rejected the result"),
		nil,
	)

	return m.flushEnds(ctx, s, []taskEnd{culprit})
}

// flushHalves records each half of a batch until it is answered.
func (m *Machine) flushHalves(ctx context.Context, s *session, ends []taskEnd) error {
	half := len(ends) / 2

	var problems []error

	for _, part := range [][]taskEnd{ends[:half], ends[half:]} {
		_, err := retry(ctx, func() (struct{}, error) { return struct{}{}, m.flushEnds(ctx, s, part) })
		problems = append(problems, err)
	}

	return errors.Join(problems...)
}
