package singleflight_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"coremachine/internal/singleflight"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestCallOutlivesItsFirstCaller cancels the first of two callers while the
// call is in progress.
func TestCallOutlivesItsFirstCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g singleflight.Group[int]

		calls := 0
		call := func(ctx context.Context) (int, error) {
			calls++

			select {
			case <-time.After(time.Second):
				return 7, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		first, leave := context.WithCancel(t.Context())

		var both sync.WaitGroup
		both.Go(func() {
			if _, err := g.Do(first, "k", time.Minute, call); !errors.Is(err, context.Canceled) {
				t.Errorf("the canceled caller got %v", err)
			}
		})
		synctest.Wait()
		both.Go(func() {
			if got, err := g.Do(t.Context(), "k", time.Minute, call); got != 7 || err != nil {
				t.Errorf("the second caller got %d, %v, want 7", got, err)
			}
		})
		synctest.Wait()
		leave()
		both.Wait()

		if calls != 1 {
			t.Errorf("the function ran %d times, want once", calls)
		}

		_, err := g.Do(t.Context(), "k", time.Millisecond, call)
		if !errors.Is(err, context.DeadlineExceeded) || calls != 2 {
			t.Errorf("over the limit: got %v after %d calls, want DeadlineExceeded after 2", err, calls)
		}
	})
}
