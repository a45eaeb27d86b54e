package clock

import (
	"context"
	"time"
)

// Sleep waits for d. It returns false if ctx ended before that. A d of at most 0
// does not wait.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()

	select {
	case <-t.C:
	case <-ctx.Done():
	}

	return ctx.Err() == nil
}
