package coremachine

import (
	"context"
	"errors"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Completer records the ends of attempts. The same transaction starts what
// follows.
type Completer interface {
	Complete(ctx context.Context, local state.LocalCapacity, ends []state.TaskEnd) (state.TransitionEffects, error)
	BundleTasks(ctx context.Context, h state.ClaimedMessage) ([]state.BundleTask, error)
}

// failAll ends every task that a message covers with the same failure.
func (m *Machine) failAll(s *session, h *inFlight, f state.Failure) error {
	tasks, err := retry(s.ctx, func() ([]state.BundleTask, error) {
		return m.store.BundleTasks(s.ctx, h.ClaimedMessage)
	})
	if err != nil {
		return m.requeue(s, h, err)
	}

	ends := make([]state.TaskEnd, len(tasks))
	for i, t := range tasks {
		ends[i] = state.TaskEnd{
			JobID:     h.JobID,
			MessageID: h.MessageID,
			Attempt:   h.Attempt,
			Stage:     h.Stage,
			Gen:       h.Gen,
			Index:     t.Index,
			Status:    state.TaskFailed,
			Outcome:   state.OutcomePermanent,
			Code:      f.Code,
			Error:     f.Message,
			StartedAt: h.ClaimedAt,
		}
	}

	return m.retryLocalTransition(
		s,
		func(local state.LocalCapacity) (state.TransitionEffects, error) {
			return m.store.Complete(s.ctx, local, ends)
		},
	)
}

// end records how an attempt ended. If the process is shutting down or the job
// is being stopped, end does not record the attempt. Its message is released,
// and the next claim or the stop decides.
func (b *bundle) end(ctx context.Context, a attempt, result []byte, err, cause error) {
	took := b.took(a)

	if err != nil && b.cutOff(err, cause) {
		a.log.take(0, false)
		b.observe(ctx, a.Index, a.started, state.TaskQueued, state.CodeUnavailable)
		b.open.Done()
		b.addEnd(nil, took)

		return
	}

	h := b.h

	end := taskEnd{TaskEnd: state.TaskEnd{
		JobID:      h.JobID,
		MessageID:  h.MessageID,
		Attempt:    h.Attempt,
		Stage:      h.Stage,
		Gen:        h.Gen,
		Index:      a.Index,
		StageTotal: h.Total,
		Status:     state.TaskCompleted,
		Result:     result,
		StartedAt:  a.started,
	}, retry: b.handler.Retry(), failures: a.Failures}
	if err != nil {
		end.fail(err, cause)
	}

	end.Log = a.log.take(h.Incarnation, err != nil || b.keepsLogs())

	b.observe(ctx, a.Index, a.started, end.Status, end.Code)
	b.addEnd(&end, took)
}

// took returns how long an attempt has taken, without its waits for results.
func (b *bundle) took(a attempt) time.Duration {
	elapsed := time.Since(b.h.at) - a.started.Sub(b.h.ClaimedAt)

	return max(0, elapsed-time.Duration(a.lineage.waited.Load()))
}

// cutOff reports whether the end of an attempt does not count: the process is
// shutting down or has lost its lease, the job is being stopped, this build
// cannot do the work, or the engine panicked.
func (b *bundle) cutOff(err, cause error) bool {
	if known, ok := err.(*state.Error); ok && known.Code == state.CodeEnginePanic { //nolint:errorlint // catch made it
		b.problem.Store(&err)
		return true
	}

	if panicked := b.lineage.panicked.Load(); panicked != nil {
		b.problem.Store(panicked)
		return true
	}

	if b.lineage.changed.Load() != nil {
		return true
	}

	return errors.Is(cause, errShutdown) || errors.Is(cause, errLeaseLost) ||
		errors.Is(cause, errCancelled) || errors.Is(cause, errPanicked)
}

// flushEnds records the ends of attempts. If the batch reaches the statement
// timeout, flushEnds records each half by itself, because a slow database can
// complete smaller batches. If the database refuses the batch, flushEnds also
// records each half by itself, which isolates the end at fault. If the database
// rejects a single end, flushEnds records it without its log lines. If the
// database rejects the result, flushEnds records the attempt as failed.
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
		m.log.Warn("group commit halved after a statement timeout", keys.Count, len(ends), keys.Error, err)
		m.commits.shrink(len(ends), bytes)
		s.landing.progressed()
	}

	if len(ends) > 1 {
		return m.flushHalves(ctx, s, ends)
	}

	if code == state.CodeInvalid && ends[0].Log != nil {
		m.log.Warn("log lines of an attempt dropped: the database rejected its end", keys.JobID, ends[0].JobID,
			keys.Index, ends[0].Index, keys.Error, err)
		ends[0].Log = nil

		return m.flushEnds(ctx, s, ends)
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
