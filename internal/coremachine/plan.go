package coremachine

import (
	"context"
	"errors"
	"fmt"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"

	"github.com/google/uuid"
)

// Planner writes the tasks of a stage.
type Planner interface {
	Job(ctx context.Context, id state.JobID) (jobType string, params []byte, err error)
	PlanComputed(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, count int) (landed bool, err error)
	PlanInputs(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, inputs [][]byte) (landed bool, err error)
	PlanEnd(ctx context.Context, local state.LocalCapacity, h state.ClaimedMessage) (state.TransitionEffects, error)
	PlanSkip(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage) (state.TransitionEffects, error)
	PlanFail(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		f state.Failure,
	) (state.TransitionEffects, error)
}

// planChunk bounds one transaction of a plan: inputs, and their bytes.
const (
	planChunk      = 10_000
	planChunkBytes = 8 << 20
)

// plan writes the tasks of a stage. It can be interrupted at any point. The next
// claim resumes at the number of planned tasks.
func (m *Machine) plan(s *session, h *inFlight) error {
	if h.Skip { // decided when the job was submitted
		return m.retryTransition(s, func() (state.TransitionEffects, error) {
			return m.store.PlanSkip(s.ctx, s.worker, h.ClaimedMessage)
		})
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
		return m.release(s, h, 0, "")
	case state.CodeOf(err) == state.CodeUnavailable,
		state.CodeOf(err) == state.CodeInternal: // the database failed, not the planner
		return m.requeue(s, h, err)
	}

	m.log.Warn("planning a stage failed", keys.JobID, h.JobID, keys.Stage, h.StageName,
		keys.TraceID, traceID(h.Traceparent), keys.Error, err)

	f := state.Failure{Code: state.CodePlanner, Message: failureText(err), Stage: h.StageName}
	if code := state.CodeOf(err); code == state.CodeInputTooLarge {
		f.Code = code
	}

	return m.retryTransition(s, func() (state.TransitionEffects, error) {
		return m.store.PlanFail(s.ctx, s.worker, h.ClaimedMessage, f)
	})
}

// errFenced means that this process no longer holds the message.
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
