package repo

import (
	"sync"

	"coremachine/internal/state"
)

// cache remembers the values that were added last, in two generations. If the
// current one is full, it becomes the past one, and a new one begins.
type cache[K comparable, V any] struct {
	max      int         // number of values in a generation
	maxBytes int         // size of the values in a generation
	size     func(V) int // nil: sizes do not count

	mu        sync.Mutex
	bytes     int // size of the values in now
	now, past map[K]V
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if v, ok := c.now[k]; ok {
		return v, true
	}

	v, ok := c.past[k]

	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()

	old, replaces := c.now[k]
	added := c.sizeOf(v)

	if replaces {
		added -= c.sizeOf(old)
	}

	if !replaces && len(c.now) >= c.max || c.size != nil && c.bytes+added > c.maxBytes {
		c.past, c.now, c.bytes = c.now, nil, 0
		added = c.sizeOf(v)
	}

	if c.now == nil {
		c.now = map[K]V{}
	}

	c.now[k] = v
	c.bytes += added
}

func (c *cache[K, V]) sizeOf(v V) int {
	if c.size == nil {
		return 0
	}

	return c.size(v)
}

// jobCache remembers jobs. What it holds of a job never changes, so a value is
// never outdated.
type jobCache = cache[state.JobID, cachedJob]

// Bounds of a generation of the job cache.
const (
	cacheJobs  = 1024
	cacheBytes = 8 << 20 // parameters
	// knownStages is the maximum number of stages of a job that are remembered.
	knownStages = 16
)

type cachedJob struct {
	id      state.JobID
	jobType string
	params  []byte

	// The rest is about the first run of the row with this incarnation. A run
	// after it can have other stages. Without stages, it is not known. The number
	// of tasks of a message is right of a stage that waits.
	incarnation int64
	stages      []state.StageSpec
	hasResult   bool
	traceparent string
}

func newJobCache(jobs int) *jobCache {
	return &jobCache{max: jobs, maxBytes: cacheBytes, size: func(j cachedJob) int { return len(j.params) }}
}
