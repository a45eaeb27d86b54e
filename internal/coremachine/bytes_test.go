package coremachine

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"coremachine/internal/state"
)

// TestAGroupCommitIsBoundedByBytes adds items of many sizes while a flush is
// under way, and looks at what each flush and the queue hold.
func TestAGroupCommitIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		gate := make(chan struct{})

		var flushes atomic.Int64

		limit := batchLimit[int]{most: 500, bytes: func(size int) int { return size }}
		b := startLimited(ctx, 1, limit, func(_ context.Context, sizes []int) ([]int, error) {
			<-gate

			sum := 0
			for _, size := range sizes {
				sum += size
			}

			if sum > commitBytes && len(sizes) > 1 {
				t.Errorf("a flush of %d items has %d bytes", len(sizes), sum)
			}

			flushes.Add(1)

			return sizes, nil
		})

		var done sync.WaitGroup

		for i := range 256 {
			size := 1 << 20

			switch i % 16 {
			case 3:
				size = 5 << 20 // alone
			case 7, 8, 9:
				size = 10
			}

			done.Add(1)

			go func() {
				b.add(ctx, size, func(_ int, err error) {
					if err != nil {
						t.Error(err)
					}

					done.Done()
				})
			}()
		}

		synctest.Wait()

		if n := len(b.in); n > waitingBytes/(1<<20)+64 {
			t.Errorf("%d items wait in the queue: it is not bounded by bytes", n)
		}

		close(gate)
		done.Wait()

		if flushes.Load() < 256*(12.0/16)/4 {
			t.Errorf("%d flushes", flushes.Load())
		}

		cancel()
		b.wg.Wait()

		if !b.room.TryAcquire(waitingBytes) {
			t.Error("the room of answered items is not free again")
		}
	})
}

func TestAnItemThatDoesNotFitIsAnsweredWhenTheFlusherEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		limit := batchLimit[int]{most: 10, bytes: func(size int) int { return size }}
		b := startLimited(ctx, 1, limit, func(ctx context.Context, _ []int) ([]int, error) {
			<-ctx.Done()
			return nil, state.Wrap(state.CodeUnavailable, "test", "cut off", ctx.Err())
		})

		var answered atomic.Int64

		for range 6 {
			go b.add(ctx, 3<<20, func(_ int, err error) {
				if err == nil {
					t.Error("an item was answered as flushed")
				}

				answered.Add(1)
			})
		}

		synctest.Wait()
		cancel()
		b.wg.Wait()
		synctest.Wait()

		if answered.Load() != 6 {
			t.Errorf("%d of 6 items were answered", answered.Load())
		}
	})
}

// TestAFlushTakesItemsUpToItsBytes fills batches from a queue in a known order.
func TestAFlushTakesItemsUpToItsBytes(t *testing.T) {
	t.Parallel()

	b := batcher[int, int]{in: make(chan batchItem[int, int], 16), limit: batchLimit[int]{most: 4}}
	for _, size := range []int{1 << 20, 2 << 20, 2 << 20, 10, 5 << 20, 10, 10, 10, 10, 10} {
		b.in <- batchItem[int, int]{item: size, bytes: size}
	}

	var (
		got     []int
		carried *batchItem[int, int]
	)
	for len(b.in) > 0 || carried != nil {
		var batch []batchItem[int, int]
		if carried != nil {
			batch = append(batch, *carried)
		} else {
			batch = append(batch, <-b.in)
		}

		batch, carried = b.fill(batch)
		got = append(got, len(batch))
	}

	if want := []int{2, 2, 1, 4, 1}; !slices.Equal(got, want) {
		t.Errorf("the batches have %v items, want %v", got, want)
	}
}
