package coremachine

import (
	"context"
	"time"

	"coremachine/internal/state"
)

// Observer receives every attempt, for traces and metrics. The engine calls it
// while it runs each task, so an Observer must not block and must not panic.
// The times come from the database's clock, so that reports from several
// processes are consistent.
type Observer interface {
	// Began runs before the handler and returns the handler's context.
	Began(ctx context.Context, h *state.ClaimedMessage, index int, at time.Time) context.Context
	// Ended runs after the attempt. It receives the context that Began returned,
	// or one derived from it. If the task will be retried, status is TaskQueued.
	// code is the code of the error. If the attempt was interrupted and does not
	// count, code is CodeUnavailable.
	Ended(
		ctx context.Context,
		h *state.ClaimedMessage,
		index int,
		from, to time.Time,
		status state.TaskStatus,
		code state.Code,
	)
}

// traceID is the trace that a W3C traceparent names; "" where there is none.
func traceID(traceparent string) string {
	if len(traceparent) != 55 {
		return ""
	}

	return traceparent[3:35]
}
