package repo

import (
	"testing"
	"time"

	"coremachine/internal/view"
)

func TestAGridIsTrueForASecondWhileItsStageRunsAndForEverOnceItEnded(t *testing.T) {
	t.Parallel()

	now := time.Now()
	end, other := now.Add(-time.Hour), now.Add(-time.Minute)
	running := grid{view: view.GridView{Gen: 2}, made: now, took: 10 * time.Millisecond}
	slow := running
	slow.took = 500 * time.Millisecond
	ended := running

	ended.finished = end
	for _, c := range []struct {
		name  string
		g     grid
		s     gridStage
		later time.Duration
		want  bool
	}{
		{"young", running, gridStage{Gen: 2}, 900 * time.Millisecond, true},
		{"old", running, gridStage{Gen: 2}, time.Second, false},
		{"of another generation", running, gridStage{Gen: 3}, 0, false},
		{"of a stage that has ended since", running, gridStage{Gen: 2, FinishedAt: &end}, 0, false},
		{"slow to count", slow, gridStage{Gen: 2}, 1900 * time.Millisecond, true},
		{"slow to count and old", slow, gridStage{Gen: 2}, 2 * time.Second, false},
		{"of an ended stage", ended, gridStage{Gen: 2, FinishedAt: &end}, 24 * time.Hour, true},
		{"of another end", ended, gridStage{Gen: 2, FinishedAt: &other}, 0, false},
		{"of a stage that runs again", ended, gridStage{Gen: 2}, 0, false},
	} {
		if got := c.g.trueOf(c.s, now.Add(c.later)); got != c.want {
			t.Errorf("a grid %s is true: %t", c.name, got)
		}
	}
}

func TestOnlyTheLatestGridsAreRemembered(t *testing.T) {
	t.Parallel()

	c := newGrids()
	for i := range 3 * gridMax {
		c.put(gridKey{stage: i}, grid{view: view.GridView{Cell: i}})
	}

	if g, ok := c.get(gridKey{stage: 3*gridMax - 1}); !ok || g.view.Cell != 3*gridMax-1 {
		t.Errorf("the latest is %+v, %t", g, ok)
	}

	if _, ok := c.get(gridKey{stage: 0}); ok || len(c.now)+len(c.past) > 2*gridMax {
		t.Errorf("%d grids are remembered", len(c.now)+len(c.past))
	}
}
