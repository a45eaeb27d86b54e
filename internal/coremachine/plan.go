package coremachine

import (
	"errors"
	"fmt"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// planChunk bounds one transaction of a plan: inputs, and their bytes.
const (
	planChunk      = 10_000
	planChunkBytes = 8 << 20
)

// plan writes the tasks of a stage. It may be cut off anywhere: planned is
// where the next claim resumes.
func (m *Machine) plan(s *session, h *inFlight) error {
	if h.Skip { // decided when the job was submitted
		return m.retryTransition(s, func() (state.TransitionEffects, error) { return m.store.PlanSkip(s.ctx, s.worker, h.ClaimedMessage) })
	}

	d, err := m.declarationOf(&h.ClaimedMessage)
	if err == nil {
		err = inOwnGoroutine("coremachine.plan", "the planner", func() error { return m.planTasks(s, h, d) })
	}

	if isPanic(err) {
		return err
	}

	why, mismatched := errors.AsType[*mismatch](err)
	switch {
	case mismatched:
		return m.park(s, h, why)
	case err == nil:
		return m.retryLocalTransition(
			s,
			func(local state.LocalCapacity) (state.TransitionEffects, error) {
				return m.store.PlanEnd(s.ctx, local, h.ClaimedMessage)
			},
		)
	case errors.Is(err, errFenced):
		return nil
	case h.ctx.Err() != nil && s.ctx.Err() == nil: // the job is being stopped
		return m.retryTransition(
			s,
			func() (state.TransitionEffects, error) {
				return m.store.Release(s.ctx, s.worker, h.ClaimedMessage, 0, "")
			},
		)
	case state.CodeOf(err) == state.CodeUnavailable,
		state.CodeOf(err) == state.CodeInternal: // storage's fault, not the planner's
		return m.requeue(s, h, err)
	}

	m.log.Warn("planning a stage failed", keys.JobID, h.JobID, keys.Stage, h.StageName,
		keys.TraceID, traceID(h.Traceparent), keys.Error, err)

	f := state.Failure{Code: state.CodePlanner, Message: failureText(err), Stage: h.StageName}
	if code := state.CodeOf(err); code == state.CodeInputTooLarge {
		f.Code = code
	}

	return m.retryTransition(s, func() (state.TransitionEffects, error) { return m.store.PlanFail(s.ctx, s.worker, h.ClaimedMessage, f) })
}

// errFenced says that the message is no longer this process's.
var errFenced = errors.New("another worker has claimed the message")

func (m *Machine) planTasks(s *session, h *inFlight, d declaration) error {
	if h.Shape == state.FanOut {
		return m.planInputs(s, h, d)
	}

	total := h.Expected
	if h.Shape == state.MatchPrevious {
		total = h.SourceTotal
	}

	for h.Planned < total {
		n := min(planChunk, total-h.Planned)

		landed, err := retry(
			h.ctx,
			func() (bool, error) { return m.store.PlanComputed(h.ctx, s.worker, h.ClaimedMessage, n) },
		)
		if err != nil {
			return err
		}

		if !landed {
			return errFenced
		}

		h.Planned += n
	}

	return nil
}

func (m *Machine) planInputs(s *session, h *inFlight, d declaration) error {
	_, raw, err := m.store.Job(h.ctx, h.JobID)
	if err != nil {
		return err
	}

	params, err := storedParams(d.job, raw)
	if err != nil {
		return err
	}

	source := d.job.Shape(d.number).Dependencies[0] // of a fan_out
	skip, chunk, size := h.Planned, [][]byte(nil), 0
	flush := func() error {
		landed, err := retry(
			h.ctx,
			func() (bool, error) { return m.store.PlanInputs(h.ctx, s.worker, h.ClaimedMessage, chunk) },
		)
		if err == nil && !landed {
			err = errFenced
		}

		h.Planned += len(chunk)
		chunk, size = chunk[:0], 0

		return err
	}

	for result, err := range m.newLineage(s, h, d).results(h.ctx, source) {
		if err != nil {
			return err
		}

		for input, err := range d.job.FanOut(params, d.number, result) {
			if err != nil {
				return fmt.Errorf("result %d of stage %s: %w", result.Index, source, err)
			}

			if skip > 0 { // written before a crash
				skip--
				continue
			}

			chunk, size = append(chunk, input), size+len(input)
			if len(chunk) < planChunk && size < planChunkBytes {
				continue
			}

			if err := flush(); err != nil {
				return err
			}
		}
	}

	if len(chunk) == 0 {
		return nil
	}

	return flush()
}

// finish computes a job's result and ends it.
func (m *Machine) finish(s *session, h *inFlight) error {
	var result []byte

	err := inOwnGoroutine("coremachine.finish", "the result function", func() (err error) {
		result, err = m.jobResult(h)
		return err
	})
	if isPanic(err) {
		return err
	}

	if err == nil {
		return m.retryTransition(
			s,
			func() (state.TransitionEffects, error) {
				return m.store.Finish(s.ctx, s.worker, h.ClaimedMessage, result)
			},
		)
	}

	if h.ctx.Err() != nil && s.ctx.Err() == nil {
		return m.retryTransition(
			s,
			func() (state.TransitionEffects, error) {
				return m.store.Release(s.ctx, s.worker, h.ClaimedMessage, 0, "")
			},
		)
	}

	if why, ok := errors.AsType[*mismatch](err); ok {
		return m.park(s, h, why)
	}

	if state.CodeOf(err) == state.CodeUnavailable {
		return m.requeue(s, h, err)
	}

	f := state.Failure{Code: state.CodeOf(err), Message: failureText(err)}
	if f.Code != state.CodeResultTooLarge && f.Code != state.CodeInvalidResult {
		f.Code = state.CodePlanner
	}

	return m.retryTransition(s, func() (state.TransitionEffects, error) {
		return m.store.FinishFail(s.ctx, s.worker, h.ClaimedMessage, f)
	})
}

// jobResult computes the result; none if the job was submitted without a result
// function: all its stages had ended when it was stopped, and it is retried. If
// the running build cannot, the error is a *mismatch.
func (m *Machine) jobResult(h *inFlight) ([]byte, error) {
	job, ok := m.cfg.Jobs[h.JobType]
	switch {
	case !ok:
		return nil, unknownType(h.JobType)
	case !h.HasResult:
		return nil, nil
	case !job.HasResult():
		return nil, changed("the job had a result function, but this build declares none")
	}

	_, raw, err := m.store.Job(h.ctx, h.JobID)
	if err != nil {
		return nil, err
	}

	params, err := storedParams(job, raw)
	if err != nil {
		return nil, err
	}

	l := m.jobLineage(h.JobID, job)

	result, err := job.Result(h.ctx, params, taskLineage{l, 0})
	if panicked := l.panicked.Load(); err != nil && panicked != nil {
		return nil, *panicked
	}

	if why := l.changed.Load(); err != nil && why != nil {
		return nil, why
	}

	return result, err
}

// failAll ends every task that a message covers with the same failure.
func (m *Machine) failAll(s *session, h *inFlight, f state.Failure) error {
	tasks, err := retry(s.ctx, func() ([]state.BundleTask, error) { return m.store.BundleTasks(s.ctx, h.ClaimedMessage) })
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
