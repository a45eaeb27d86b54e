package repo

import (
	"sync"

	"coremachine/internal/state"
)

// jobCache remembers the jobs that were asked for last. What it holds never changes, so an entry is never wrong.
type jobCache struct {
	mu        sync.Mutex
	most      int
	now, past map[state.JobID]cachedJob // two generations: when now is full it becomes past
}

type cachedJob struct {
	jobType string
	params  []byte
}

func newJobCache(most int) *jobCache {
	return &jobCache{most: most, now: map[state.JobID]cachedJob{}}
}

func (c *jobCache) get(id state.JobID) (cachedJob, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j, ok := c.now[id]; ok {
		return j, true
	}
	j, ok := c.past[id]
	return j, ok
}

func (c *jobCache) put(id state.JobID, j cachedJob) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.now) >= c.most {
		c.past, c.now = c.now, make(map[state.JobID]cachedJob, c.most)
	}
	c.now[id] = j
}
