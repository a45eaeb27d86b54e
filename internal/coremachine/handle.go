package coremachine

import (
	"context"
	"time"

	"coremachine/internal/state"
)

// Handle does the work that a message names and returns when the store has
// recorded it. If Handle returns nil, the transport acknowledges the message:
// the work is done, another process has claimed it, or the message is outdated.
// If Handle returns an error, its code is CodeUnavailable and the transport
// redelivers the message.
//
// If ctx ends first, the work continues in this process under its lease. Handle
// finds the work when the message is redelivered and acknowledges it.
func (m *Machine) Handle(ctx context.Context, msg state.Message) error {
	s := m.session.Load()
	if s == nil || s.intake.Err() != nil {
		return state.Errorf(state.CodeUnavailable, "coremachine.Handle", "this process has no lease")
	}

	if err := m.Failure(); err != nil {
		return err
	}

	key := workKey{msg.JobID, msg.MessageID}

	for {
		h, fresh := s.register(key)
		if fresh {
			m.work.Go(func() {
				defer s.unregister(key, h)

				h.err = m.protect(s, h, func() error { return m.process(s, h, msg) })
			})
		} else if h.claimed.Load() {
			return joinClaimed(h, msg)
		}

		select {
		case <-h.done:
		case <-ctx.Done():
			return state.Wrap(
				state.CodeUnavailable,
				"coremachine.Handle",
				"the work has not ended yet",
				context.Cause(ctx),
			)
		}

		if fresh || h.err != nil || h.claimed.Load() {
			return h.err
		}
		// The other delivery had no effect. This one may be of a later send, which
		// is not done with it.
	}
}

// joinClaimed answers a delivery of a message that this process has claimed.
func joinClaimed(h *inFlight, msg state.Message) error {
	if msg.Attempt < h.Attempt {
		return nil
	}

	// sent after our claim was freed: this process has lost its lease and is
	// about to notice
	return state.Errorf(
		state.CodeUnavailable,
		"coremachine.Handle",
		"the message is claimed under a lease that has ended",
	)
}

func (m *Machine) process(s *session, h *inFlight, msg state.Message) error {
	if msg.Kind == state.KindTasks { // what plans, stops and ends jobs never waits behind tasks
		defer m.freeReserved(h)

		if ok, err := m.reserve(s, h, msg); !ok {
			return err
		}
	}

	claimed := make(chan error, 1)

	s.claims.add(h.ctx, msg, func(held *state.ClaimedMessage, err error) {
		if held != nil {
			h.ClaimedMessage, h.at = *held, time.Now()
			h.claimed.Store(true)
		}

		claimed <- err
	})

	if err := <-claimed; err != nil {
		return state.Wrap(state.CodeUnavailable, "coremachine.Handle", "claiming the message failed", err)
	}

	if !h.claimed.Load() {
		return nil
	}

	return m.processClaimed(s, h)
}

func (m *Machine) processClaimed(s *session, h *inFlight) error {
	if h.StageGen != h.Gen {
		return m.drop(s, h)
	}

	err := m.dispatchKind(s, h)
	if err != nil && s.ctx.Err() == nil && !isPanic(err) {
		// While this lease is renewed, no other process would free the message.
		return m.requeue(s, h, err)
	}

	return err
}

func (m *Machine) dispatchKind(s *session, h *inFlight) error {
	switch h.Kind {
	case state.KindPlan:
		return m.plan(s, h)
	case state.KindTasks:
		return m.run(s, h)
	case state.KindFinish:
		return m.finish(s, h)
	case state.KindStop:
		return m.stopJob(s, h)
	case state.KindReopen:
		return m.expandRetry(s, h)
	case state.KindFinally:
		return m.beginFinally(s, h)
	}

	return m.park(s, h, unknownKind(h.Kind))
}
