package coremachine

import (
	"sync"
)

// commitSize bounds the group commits of a process below their usual limits,
// after one reached the time limit of a statement. It outlives the lease: a
// process must not begin again with a size that its database cannot do.
type commitSize struct {
	mu          sync.Mutex
	rows, bytes int // 0: no bound
}

// fits reports whether a group commit of this size is allowed. A commit of one
// row always is.
func (c *commitSize) fits(rows, bytes int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return rows <= 1 || c.rows == 0 || rows <= c.rows && bytes <= c.bytes
}

// shrink sets the bound to half of what reached the time limit. Another flusher
// may have set a lower one.
func (c *commitSize) shrink(rows, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()

	rows, bytes = max(1, rows/2), max(1, bytes/2)
	if c.rows == 0 {
		c.rows, c.bytes = rows, bytes
		return
	}

	c.rows, c.bytes = min(c.rows, rows), min(c.bytes, bytes)
}

// grow doubles the bound after a group commit that came near it, and removes
// one that bounds nothing any more.
func (c *commitSize) grow(rows, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if 2*rows <= c.rows && 2*bytes <= c.bytes {
		return
	}

	c.rows, c.bytes = 2*c.rows, 2*c.bytes
	if c.rows > endsBatch && c.bytes > commitBytes {
		c.rows, c.bytes = 0, 0
	}
}
