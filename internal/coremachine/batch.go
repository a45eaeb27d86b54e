package coremachine

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"coremachine/internal/state"
)

// batcher is group commit: what arrives while a flush is under way shares the next one. It flushes at once when idle and has
// no timer. flush answers for every item of its batch, by place.
type batcher[T, R any] struct {
	in    chan batchItem[T, R]
	most  int         // items a flush; a flush of lists has no more lists than hold so many elements, but one
	size  func(T) int // how many an item counts for; nil: one
	flush func(ctx context.Context, items []T) ([]R, error)
	ctx   context.Context // of the flushers
	wg    sync.WaitGroup
}

type batchItem[T, R any] struct {
	item T
	done func(R, error) // called once, by the flusher; must not block
}

// start runs n flushers until ctx ends; what is queued then is answered with ctx's error.
func startBatcher[T, R any](ctx context.Context, n, most int, flush func(context.Context, []T) ([]R, error)) *batcher[T, R] {
	return startSized(ctx, n, most, nil, flush)
}

func startSized[T, R any](ctx context.Context, n, most int, size func(T) int, flush func(context.Context, []T) ([]R, error)) *batcher[T, R] {
	b := &batcher[T, R]{in: make(chan batchItem[T, R], 4*most), most: most, size: size, flush: flush, ctx: ctx}
	for range n {
		b.wg.Go(func() { b.run(ctx) })
	}
	return b
}

// add queues an item; done is called when it was flushed. It blocks while the queue is full, which bounds its memory.
func (b *batcher[T, R]) add(ctx context.Context, item T, done func(R, error)) {
	select {
	case b.in <- batchItem[T, R]{item, done}:
		if b.ctx.Err() != nil {
			b.refuse(b.ctx) // the flushers may have looked for the last time
		}
	case <-ctx.Done():
		var none R
		done(none, context.Cause(ctx))
	}
}

func (b *batcher[T, R]) run(ctx context.Context) {
	batch := make([]batchItem[T, R], 0, b.most)
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			b.refuse(ctx)
			return
		case first := <-b.in:
			batch = append(batch, first)
		}
	fill:
		for full := b.count(batch[0].item); full < b.most; {
			select {
			case next := <-b.in:
				batch, full = append(batch, next), full+b.count(next.item)
			default:
				break fill
			}
		}
		items := make([]T, len(batch))
		for i := range batch {
			items[i] = batch[i].item
		}
		results, err := retry(ctx, func() ([]R, error) { return b.flush(ctx, items) })
		for i := range batch {
			var r R
			if err == nil {
				r = results[i]
			}
			batch[i].done(r, err)
		}
	}
}

func (b *batcher[T, R]) count(item T) int {
	if b.size == nil {
		return 1
	}
	return b.size(item)
}

func (b *batcher[T, R]) refuse(ctx context.Context) {
	for {
		select {
		case item := <-b.in:
			var none R
			item.done(none, context.Cause(ctx))
		default:
			return
		}
	}
}

// retry repeats what failed as unavailable, with jittered backoff, until ctx ends: the row is held, so nobody else will.
func retry[R any](ctx context.Context, fn func() (R, error)) (R, error) {
	wait := 10 * time.Millisecond
	for {
		r, err := fn()
		if state.CodeOf(err) != state.CodeUnavailable {
			return r, err
		}
		if !sleep(ctx, wait/2+rand.N(wait/2)) {
			return r, context.Cause(ctx)
		}
		wait = min(2*wait, 2*time.Second)
	}
}

// sleep waits and tells whether the whole time passed.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
