package e2e_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/enginetest"
	"coremachine/internal/state"
)

// slowHandBack hands back when everything that ran before has been booked, and loses the answer of each first try.
type slowHandBack struct {
	coremachine.Store
	t     *testing.T
	e     *enginetest.Engine
	calls atomic.Int64
}

func (s *slowHandBack) HandBack(ctx context.Context, worker uuid.UUID, h state.Held, first, rest int) (state.Moved, error) {
	again := s.calls.Add(1)%2 == 0
	if !again {
		until(s.t, "only the rest is left", func() bool {
			left := query(s.t, s.e, `select coalesce((select tasks_left from messages where job_id = $1 and message_id = $2), -1)`, h.JobID[:], h.MessageID)
			return left == rest || left < 0 // a slow machine may have cost the process its lease, and the row its life
		})
	}
	moved, err := s.Store.HandBack(ctx, worker, h, first, rest)
	if !again && err == nil {
		err = lost
	}
	return moved, err
}
