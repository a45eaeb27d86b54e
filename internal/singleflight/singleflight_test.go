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

// TestAQuestionOutlivesWhoAskedFirst has the first of two callers go away while
// it is under way.
func TestAQuestionOutlivesWhoAskedFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g singleflight.Group[int]

		asked := 0
		ask := func(ctx context.Context) (int, error) {
			asked++

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
			if _, err := g.Do(first, "k", time.Minute, ask); !errors.Is(err, context.Canceled) {
				t.Errorf("who went away got %v", err)
			}
		})
		synctest.Wait()
		both.Go(func() {
			if got, err := g.Do(t.Context(), "k", time.Minute, ask); got != 7 || err != nil {
				t.Errorf("got %d, %v", got, err)
			}
		})
		synctest.Wait()
		leave()
		both.Wait()

		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}

		if _, err := g.Do(
			t.Context(),
			"k",
			time.Millisecond,
			ask,
		); !errors.Is(err, context.DeadlineExceeded) ||
			asked != 2 {
			t.Errorf("one that takes too long: %v, asked %d times", err, asked)
		}
	})
}
