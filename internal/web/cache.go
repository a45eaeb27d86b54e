package web

import (
	"context"
	"sync"
	"time"

	"coremachine/internal/singleflight"
)

// cache keeps values that are expensive to read for a while. Concurrent readers
// share one reading.
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
	maxCached = 256
	readLimit = 5 * time.Second // time limit of a reading, which can outlive the request that started it
)

// get returns the value of a key. The value was read at most keep ago.
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

	if len(c.entries) >= maxCached {
		now := time.Now()
		for k, e := range c.entries {
			// If none has expired, remove arbitrary entries.
			if now.After(e.until) || len(c.entries) >= maxCached {
				delete(c.entries, k)
			}
		}
	}

	c.entries[key] = cached[T]{value: value, until: time.Now().Add(keep)}
}
