package coremachine

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"coremachine/internal/clock"
	"coremachine/internal/state"
)

// commitBytes is the maximum size of one group commit. Its rows have a limit of
// their own.
const commitBytes = 4 << 20

// batcher implements group commit: items that arrive during a flush share the
// next one. When it is idle, it flushes immediately; it has no timer. flush
// returns one result for each item of its batch, in the same order.
type batcher[T, R any] struct {
	in    chan batchItem[T, R]
	limit batchLimit[T]
	flush func(ctx context.Context, items []T) ([]R, error)
	ctx   context.Context // of the flushers
	room  *semaphore.Weighted
	wg    sync.WaitGroup
}

// batchLimit bounds a flush. If bytes is set, it also bounds the queued items.
type batchLimit[T any] struct {
	most int         // a flush adds items until it has this number of rows
	rows func(T) int // returns the rows of an item; nil: each has one row
	// bytes returns the size of an item; nil: sizes do not count. A flush has
	// at most commitBytes, or it consists of one larger item.
	bytes func(T) int
}

// waitingBytes is the maximum size of the queue for each flusher: one flush is
// under way and the next one fills. A caller that adds more blocks.
const waitingBytes = 2 * commitBytes

type batchItem[T, R any] struct {
	item  T
	bytes int
	done  func(R, error) // called once, by the flusher; must not block
}

// startBatcher runs n flushers until ctx ends; what is queued then is answered
// with ctx's error.
func startBatcher[T, R any](
	ctx context.Context,
	n, most int,
	flush func(context.Context, []T) ([]R, error),
) *batcher[T, R] {
	return startLimited(ctx, n, batchLimit[T]{most: most}, flush)
}

func startLimited[T, R any](
	ctx context.Context,
	n int,
	limit batchLimit[T],
	flush func(context.Context, []T) ([]R, error),
) *batcher[T, R] {
	b := &batcher[T, R]{in: make(chan batchItem[T, R], 4*limit.most), limit: limit, flush: flush, ctx: ctx}
	if limit.bytes != nil {
		b.room = semaphore.NewWeighted(int64(n) * waitingBytes)
	}

	for range n {
		b.wg.Go(func() { b.run(ctx) })
	}

	return b
}

// add queues an item; done is called when it was flushed. It blocks while the
// queue is full, which bounds its memory.
func (b *batcher[T, R]) add(ctx context.Context, item T, done func(R, error)) {
	next := batchItem[T, R]{item: item, done: done}
	if b.limit.bytes != nil {
		next.bytes = min(b.limit.bytes(item), waitingBytes)
		if b.room.Acquire(ctx, int64(next.bytes)) != nil {
			var none R
			done(none, context.Cause(ctx))

			return
		}
	}

	select {
	case b.in <- next:
		if b.ctx.Err() != nil {
			b.refuse(b.ctx) // the flushers may have looked for the last time
		}
	case <-ctx.Done():
		var none R
		b.answer(next, none, context.Cause(ctx))
	}
}

// answer answers an item and frees its room.
func (b *batcher[T, R]) answer(i batchItem[T, R], r R, err error) {
	i.done(r, err)

	if b.room != nil {
		b.room.Release(int64(i.bytes))
	}
}

func (b *batcher[T, R]) run(ctx context.Context) {
	batch := make([]batchItem[T, R], 0, b.limit.most)

	var carried *batchItem[T, R] // it did not fit into the last batch

	for {
		clear(batch) // answered items are not kept alive

		batch = batch[:0]
		if carried != nil {
			batch = append(batch, *carried)
		} else {
			select {
			case <-ctx.Done():
				b.refuse(ctx)
				return
			case first := <-b.in:
				batch = append(batch, first)
			}
		}

		batch, carried = b.fill(batch)

		b.flushAll(ctx, batch)
	}
}

// flushAll flushes a batch and answers its items. If flush panics, each half is
// flushed by itself, so that only the item at fault gets the error.
func (b *batcher[T, R]) flushAll(ctx context.Context, batch []batchItem[T, R]) {
	items := make([]T, len(batch))
	for i := range batch {
		items[i] = batch[i].item
	}

	var results []R

	err := catch("coremachine.flush", func() (err error) {
		results, err = retry(ctx, func() ([]R, error) { return b.flush(ctx, items) })
		return err
	})
	if isPanic(err) && len(batch) > 1 {
		half := len(batch) / 2
		b.flushAll(ctx, batch[:half])
		b.flushAll(ctx, batch[half:])

		return
	}

	for i := range batch {
		var r R
		if err == nil {
			r = results[i]
		}

		b.answer(batch[i], r, err)
	}
}

// fill adds to a batch what waits, as far as the limit allows. The item that it
// took and that does not fit is carried to the next batch.
func (b *batcher[T, R]) fill(batch []batchItem[T, R]) (filled []batchItem[T, R], carried *batchItem[T, R]) {
	rows, bytes := b.rows(batch[0].item), batch[0].bytes
	for rows < b.limit.most && bytes < commitBytes {
		select {
		case next := <-b.in:
			if bytes+next.bytes > commitBytes {
				return batch, &next
			}

			batch, rows, bytes = append(batch, next), rows+b.rows(next.item), bytes+next.bytes
		default:
			return batch, nil
		}
	}

	return batch, nil
}

func (b *batcher[T, R]) rows(item T) int {
	if b.limit.rows == nil {
		return 1
	}

	return b.limit.rows(item)
}

func (b *batcher[T, R]) refuse(ctx context.Context) {
	for {
		select {
		case item := <-b.in:
			var none R
			b.answer(item, none, context.Cause(ctx))
		default:
			return
		}
	}
}

// retry repeats fn with jittered backoff while it fails as unavailable, until
// ctx ends. This process holds the claim, so no other process would repeat it.
func retry[R any](ctx context.Context, fn func() (R, error)) (R, error) {
	wait := clock.Backoff{Min: 10 * time.Millisecond, Max: 2 * time.Second}

	for {
		r, err := fn()
		if state.CodeOf(err) != state.CodeUnavailable {
			return r, err
		}

		if !wait.Sleep(ctx) {
			return r, context.Cause(ctx)
		}
	}
}
