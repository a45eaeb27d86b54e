package singleflight

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"
)

// Group deduplicates calls by key. The zero value is ready to use.
type Group[T any] struct{ group singleflight.Group }

// Do runs call, or waits for the result if a call for the key is in progress. A
// call can take up to limit, even if the caller that started it leaves. If ctx
// ends first, Do returns its error.
func (g *Group[T]) Do(
	ctx context.Context,
	key string,
	limit time.Duration,
	call func(context.Context) (T, error),
) (T, error) {
	result := g.group.DoChan(key, func() (any, error) {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()

		return call(limited)
	})
	select {
	case got := <-result:
		value, _ := got.Val.(T)
		return value, got.Err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}
