package coremachinetest

import (
	"context"
	"sync"
	"time"
)

// Clock is a clock that stands still until a test advances it. Give its methods
// to the code under test instead of time.Now and of a wait.
type Clock struct {
	mu      sync.Mutex
	now     time.Time
	waiting map[chan struct{}]time.Time // closed when the time has come
	changed chan struct{}               // closed when a wait begins
}

// NewClock returns a clock that shows a time.
func NewClock(now time.Time) *Clock {
	return &Clock{now: now, waiting: map[chan struct{}]time.Time{}, changed: make(chan struct{})}
}

// Now returns the time of the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.now
}

// Sleep waits until the clock was advanced by d, or until ctx ends. It returns
// the cause of the end.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}

	over := make(chan struct{})

	c.mu.Lock()
	c.waiting[over] = c.now.Add(d)
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()

	select {
	case <-over:
		return nil
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()

		delete(c.waiting, over)

		return context.Cause(ctx)
	}
}

// Advance moves the clock and ends the waits whose time has come.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.now = c.now.Add(d)

	for over, until := range c.waiting {
		if !until.After(c.now) {
			delete(c.waiting, over)
			close(over)
		}
	}
}

// AwaitSleepers returns when at least n calls of Sleep wait, so that Advance
// reaches them. It returns the cause if ctx ends first.
func (c *Clock) AwaitSleepers(ctx context.Context, n int) error {
	for {
		c.mu.Lock()
		waiting, changed := len(c.waiting), c.changed
		c.mu.Unlock()

		if waiting >= n {
			return nil
		}

		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
