package repo

import (
	"sync"

	"coremachine/internal/state"
)

// jobCache remembers the jobs that were asked for last. What it holds never
// changes, so an entry is never wrong.
type jobCache struct {
	mu        sync.Mutex
	most      int                       // jobs in a generation
	bytes     int                       // of the parameters in now
	now, past map[state.JobID]cachedJob // two generations: when now is full it becomes past
}

// cacheBytes bounds the parameters in a generation.
const cacheBytes = 8 << 20

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

	if len(c.now) >= c.most || c.bytes+len(j.params) > cacheBytes {
		c.past, c.now, c.bytes = c.now, map[state.JobID]cachedJob{}, 0
	}

	c.bytes += len(j.params) - len(c.now[id].params)
	c.now[id] = j
}
