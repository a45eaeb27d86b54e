package repo

import (
	"sync"
	"time"

	"coremachine/internal/singleflight"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// gridPause is the maximum age at which a process serves the grid of a running
// stage again. A process counts a stage at most once per gridPause, regardless
// of the number of watchers. Counting takes at most a fifth of the time.
const (
	gridPause = time.Second
	gridShare = 4
	gridLimit = 2 * time.Second // what counting may take
	gridMost  = 32              // grids that are remembered, and as many of the past
)

// grids remembers the grids that were asked for last. One of a stage that has
// ended is true until the stage has another end.
type grids struct {
	group     singleflight.Group[grid]
	mu        sync.Mutex
	now, past map[gridKey]grid
}

type gridKey struct {
	job   state.JobID
	stage int
}

type grid struct {
	view     view.GridView
	finished time.Time // zero: it had not ended
	made     time.Time
	took     time.Duration
}

// trueOf reports whether the grid is valid for the current state of the stage.
func (g grid) trueOf(s gridStage, now time.Time) bool {
	if g.view.Gen != s.Gen || !g.finished.Equal(s.finished()) {
		return false
	}

	return !g.finished.IsZero() || now.Sub(g.made) < max(gridPause, gridShare*g.took)
}

func (c *grids) get(k gridKey) (grid, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if g, ok := c.now[k]; ok {
		return g, true
	}

	g, ok := c.past[k]

	return g, ok
}

func (c *grids) put(k gridKey, g grid) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if _, there := c.now[k]; !there && len(c.now) >= gridMost {
		c.past, c.now = c.now, nil
	}

	if c.now == nil {
		c.now = make(map[gridKey]grid, gridMost)
	}

	c.now[k] = g
}
