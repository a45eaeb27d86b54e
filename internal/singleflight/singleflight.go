package singleflight

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"
)

// Group is questions by key. The zero value is ready.
type Group[T any] struct{ group singleflight.Group }

// Do asks, or waits for the answer to who asked first. The question may take
// limit, whichever caller goes away meanwhile. An error is ask's own, or ctx's
// where that ends first.
func (g *Group[T]) Do(
	ctx context.Context,
	key string,
	limit time.Duration,
	ask func(context.Context) (T, error),
) (T, error) {
	result := g.group.DoChan(key, func() (any, error) {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()

		return ask(limited)
	})
	select {
	case got := <-result:
		value, _ := got.Val.(T)
		return value, got.Err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
