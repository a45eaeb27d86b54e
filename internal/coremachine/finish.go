package coremachine

import (
	"context"
	"errors"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"

	"github.com/google/uuid"
)

// Finisher ends a job after its last stage.
type Finisher interface {
	Job(ctx context.Context, id state.JobID) (jobType string, params []byte, err error)
	Finish(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		result []byte,
	) (state.TransitionEffects, error)
	FinishFail(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		f state.Failure,
	) (state.TransitionEffects, error)
}

// finish computes a job's result and ends the job, or starts its finally stages.
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
		return m.release(s, h, 0, "")
	}

	if why, ok := errors.AsType[*mismatch](err); ok {
		return m.park(s, h, why)
	}

	if state.CodeOf(err) == state.CodeUnavailable {
		return m.requeue(s, h, err)
	}

	m.log.Warn("computing the result failed", keys.JobID, h.JobID,
		keys.TraceID, traceID(h.Traceparent), keys.Error, err)

	f := state.Failure{Code: state.CodeOf(err), Message: failureText(err)}
	if f.Code != state.CodeResultTooLarge && f.Code != state.CodeInvalidResult {
		f.Code = state.CodePlanner
	}

	return m.retryTransition(s, func() (state.TransitionEffects, error) {
		return m.store.FinishFail(s.ctx, s.worker, h.ClaimedMessage, f)
	})
}

// jobResult computes the result of a job. A job that was submitted without a
// result function has none. It gets here if it was stopped after its last stage
// had ended, and then retried. If the running build cannot compute the result,
// the error is a *mismatch.
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

	result, err := job.Result(h.ctx, params, l.of(0))
	if panicked := l.panicked.Load(); err != nil && panicked != nil {
		return nil, *panicked
	}

	if why := l.changed.Load(); err != nil && why != nil {
		return nil, why
	}

	return result, err
}
