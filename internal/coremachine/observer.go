package coremachine

import (
	"context"
	"time"

	"coremachine/internal/state"
)

// Observer is told of every attempt, for traces and metrics. It is called on
// the road of each task: it must not block and must not panic. Times are the
// database's, so that what several processes tell fits together.
type Observer interface {
	// Began is told before the handler runs, and returns the handler's context.
	Began(ctx context.Context, h *state.ClaimedMessage, index int, at time.Time) context.Context
	// Ended is told with that context, or one made from it. status is
	// TaskQueued where the task will be tried again; code is that of the error,
	// CodeUnavailable where the attempt was cut off and counts for nothing.
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
