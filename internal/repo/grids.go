package repo

import (
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
	gridMax   = 32              // remembered grids in a generation
)

// grids caches the grids that were read last. The grid of a stage that has ended
// is valid until the stage runs again.
type grids struct {
	cache[gridKey, grid]

	group singleflight.Group[grid]
}

func newGrids() grids { return grids{cache: cache[gridKey, grid]{max: gridMax}} }

type gridKey struct {
	job         state.JobID
	incarnation int64 // a job that is deleted and submitted again is another job
	stage       int
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
