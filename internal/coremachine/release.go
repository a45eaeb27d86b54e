package coremachine

import (
	"context"
	"errors"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"

	"github.com/google/uuid"
)

// requeue releases a message whose work failed for now, for example because the
// database could not be read. If its job is being stopped, that is the cause,
// and the stop ends the remaining tasks.
func (m *Machine) requeue(s *session, h *inFlight, cause error) error {
	if errors.Is(context.Cause(h.ctx), errCancelled) && s.ctx.Err() == nil {
		return m.release(s, h, 0, "")
	}

	m.log.Error("message requeued", keys.JobID, h.JobID, keys.Stage, h.StageName,
		keys.TraceID, traceID(h.Traceparent), keys.Error, cause)

	return m.release(s, h, time.Second, "")
}

func (m *Machine) releasePanicked(s *session, h *inFlight, cause error) error {
	f := state.Failure{Code: state.CodeEnginePanic, Message: failureText(cause), Stage: h.StageName}

	err := catch("coremachine.Handle", func() error {
		return m.retryTransition(s, func() (state.TransitionEffects, error) {
			return m.store.ReleasePanicked(s.ctx, s.worker, h.ClaimedMessage, f)
		})
	})
	if isPanic(err) {
		m.logPanic(err, keys.JobID, h.JobID)

		return state.Wrap(state.CodeUnavailable, "coremachine.Handle", "requeueing the message failed", err)
	}

	return err
}

// Releaser ends the claim of a message whose work does not end with it.
type Releaser interface {
	Drop(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage) error
	Release(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		delay time.Duration,
		parkedFor string,
	) (state.TransitionEffects, error)
	ReleasePanicked(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		f state.Failure,
	) (state.TransitionEffects, error)
	Split(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		first, rest int,
	) (state.TransitionEffects, error)
}

// release requeues a claimed message, which is due again after the delay.
// parkedFor is the reason if this build cannot do the work.
func (m *Machine) release(s *session, h *inFlight, delay time.Duration, parkedFor string) error {
	return m.retryTransition(s, func() (state.TransitionEffects, error) {
		return m.store.Release(s.ctx, s.worker, h.ClaimedMessage, delay, parkedFor)
	})
}

// drop deletes a claimed message that has no work left.
func (m *Machine) drop(s *session, h *inFlight) error {
	return m.retryTransition(s, func() (state.TransitionEffects, error) {
		return state.TransitionEffects{}, m.store.Drop(s.ctx, s.worker, h.ClaimedMessage)
	})
}

// split gives the tasks from first on, rest in number, a message of their own
// that any process can claim.
func (m *Machine) split(s *session, h *inFlight, first, rest int) error {
	return m.retryTransition(s, func() (state.TransitionEffects, error) {
		return m.store.Split(s.ctx, s.worker, h.ClaimedMessage, first, rest)
	})
}
