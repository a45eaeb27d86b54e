package web

import (
	"context"
	"sync"
	"time"

	"coremachine/internal/singleflight"
)

// cache keeps what is costly to read for a while, and lets whoever asks at the
// same time share one reading.
type cache[T any] struct {
	mu      sync.Mutex
	entries map[string]cached[T]
	group   singleflight.Group[T]
}

type cached[T any] struct {
	value T
	until time.Time
}

const (
	mostCached = 256
	readLimit  = 5 * time.Second // of a reading, which outlives the request that began it
)

// get returns the value of a key, read at most keep ago.
func (c *cache[T]) get(
	ctx context.Context,
	key string,
	keep time.Duration,
	read func(context.Context) (T, error),
) (T, error) {
	c.mu.Lock()
	e, ok := c.entries[key]
	c.mu.Unlock()

	if ok && time.Now().Before(e.until) {
		return e.value, nil
	}

	return c.group.Do(ctx, key, readLimit, func(ctx context.Context) (T, error) {
		value, err := read(ctx)
		if err == nil {
			c.put(key, value, keep)
		}

		return value, err
	})
}

func (c *cache[T]) put(key string, value T, keep time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.entries == nil {
		c.entries = map[string]cached[T]{}
	}

	if len(c.entries) >= mostCached {
		now := time.Now()
		for k, e := range c.entries {
			if now.After(e.until) || len(c.entries) >= mostCached { // any, rather than none
				delete(c.entries, k)
			}
		}
	}

	c.entries[key] = cached[T]{value: value, until: time.Now().Add(keep)}
}
