package coremachine

import (
	"context"

	"coremachine/internal/state"

	"github.com/google/uuid"
)

// Claimer claims messages for a worker. The result contains only the messages
// that it claimed.
type Claimer interface {
	Claim(ctx context.Context, worker uuid.UUID, msgs []state.Message) ([]state.ClaimedMessage, error)
}

func (m *Machine) flushClaims(ctx context.Context, s *session, msgs []state.Message) ([]*state.ClaimedMessage, error) {
	held, err := m.store.Claim(ctx, s.worker, msgs)
	if err != nil {
		return nil, err
	}

	byKey := make(map[workKey]*state.ClaimedMessage, len(held))
	for i := range held {
		byKey[workKey{held[i].JobID, held[i].MessageID}] = &held[i]
	}

	answers := make([]*state.ClaimedMessage, len(msgs))
	for i := range msgs {
		answers[i] = byKey[workKey{msgs[i].JobID, msgs[i].MessageID}]
	}

	return answers, nil
}
