package clock

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff determines the waits between tries. Each wait is twice as long as the
// one before, up to Max. It is randomized: between half of it and the whole, so
// that processes do not try at the same moment. A Backoff is for one goroutine.
type Backoff struct {
	Min, Max time.Duration

	next time.Duration // 0: Min
}

// Next returns the next wait.
func (b *Backoff) Next() time.Duration {
	wait := max(b.next, b.Min)
	b.next = min(2*wait, b.Max)

	return wait/2 + rand.N(wait/2+1)
}

// Sleep waits for the next wait. It returns false if ctx ended before that.
func (b *Backoff) Sleep(ctx context.Context) bool { return Sleep(ctx, b.Next()) }

// Reset makes the next wait the first one again.
func (b *Backoff) Reset() { b.next = 0 }
