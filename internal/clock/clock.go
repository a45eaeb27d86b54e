// Package clock owns waiting that ends with a context, and the waits between
// tries. Every package may import it. It imports only the standard library.
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
