package coremachine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"coremachine/internal/state"
)

// gathered runs a batcher whose first flush waits until more items have come,
// and returns the sizes of its flushes.
func TestWhatComesDuringAFlushSharesTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		gate := make(chan struct{})

		var sizes []int

		b := startBatcher(ctx, 1, 10, func(_ context.Context, items []int) ([]int, error) {
			sizes = append(sizes, len(items))

			<-gate

			return items, nil
		})

		var (
			done sync.WaitGroup
			sum  atomic.Int64
		)

		add := func(n int) {
			done.Add(1)
			b.add(ctx, n, func(got int, err error) {
				if err != nil {
					t.Error(err)
				}

				sum.Add(int64(got))
				done.Done()
			})
		}
		add(1)
		synctest.Wait() // the first item is flushed immediately and alone

		for i := 2; i <= 25; i++ {
			add(i)
		}

		close(gate)
		done.Wait()
		cancel()
		b.wg.Wait()

		if sum.Load() != 25*26/2 {
			t.Errorf("the items answered sum up to %d, want %d", sum.Load(), 25*26/2)
		}

		want := []int{1, 10, 10, 4}
		if len(sizes) != len(want) {
			t.Fatalf("flushes of %v, want %v", sizes, want)
		}

		for i := range want {
			if sizes[i] != want[i] {
				t.Errorf("flushes of %v, want %v", sizes, want)
			}
		}
	})
}

func TestAFlushIsRepeatedWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		b := startBatcher(ctx, 1, 10, func(_ context.Context, items []int) ([]int, error) {
			if tries++; tries < 4 {
				return nil, state.Errorf(state.CodeUnavailable, "test", "away")
			}

			return items, nil
		})
		answer := make(chan error, 1)

		b.add(ctx, 7, func(_ int, err error) { answer <- err })

		if err := <-answer; err != nil || tries != 4 {
			t.Errorf("answered %v after %d tries, want nil after 4", err, tries)
		}

		cancel()
		b.wg.Wait()
	})
}

func TestAFinalErrorAnswersTheWholeBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := startBatcher(ctx, 1, 10, func(context.Context, []int) ([]int, error) {
			return nil, state.Errorf(state.CodeInternal, "test", "broken")
		})
		answer := make(chan error, 1)

		b.add(ctx, 7, func(_ int, err error) { answer <- err })

		if err := <-answer; state.CodeOf(err) != state.CodeInternal {
			t.Errorf("answered %v, want code internal", err)
		}

		cancel()
		b.wg.Wait()
	})
}

func TestItemsAreAnsweredWhenTheBatcherEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the lease ended")
		ctx, cancel := context.WithCancelCause(t.Context())
		b := startBatcher(ctx, 1, 1, func(ctx context.Context, _ []int) ([]int, error) {
			<-ctx.Done()
			return nil, state.Errorf(state.CodeUnavailable, "test", "away")
		})

		var answered sync.WaitGroup
		for i := range 3 {
			answered.Add(1)
			b.add(ctx, i, func(_ int, err error) {
				if !errors.Is(err, cause) {
					t.Errorf("item %d was answered %v, want the cause", i, err)
				}

				answered.Done()
			})
		}

		synctest.Wait()
		cancel(cause)
		answered.Wait()
		b.wg.Wait()
	})
}

// TestAPanicAnswersItsItemOnly has one item of a batch on which flush panics.
func TestAPanicAnswersItsItemOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		hold := make(chan struct{})
		b := startBatcher(ctx, 1, 20, func(_ context.Context, items []int) ([]int, error) {
			<-hold

			if slices.Contains(items, 7) {
				panic("seven")
			}

			return items, nil
		})

		var mu sync.Mutex

		answers := map[int]error{}

		for i := range 16 {
			b.add(ctx, i, func(got int, err error) {
				mu.Lock()
				defer mu.Unlock()

				answers[i] = err
				if err == nil && got != i {
					t.Errorf("item %d has the answer of %d", i, got)
				}
			})
		}

		close(hold)
		synctest.Wait()
		cancel()
		b.wg.Wait()

		if len(answers) != 16 {
			t.Errorf("%d items are answered, want 16", len(answers))
		}

		for i, err := range answers {
			if isPanic(err) != (i == 7) {
				t.Errorf("item %d was answered %v", i, err)
			}
		}
	})
}
