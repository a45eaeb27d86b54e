package servicebus_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/queue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
)

// storm makes the broker's faults: of transfers and settlements in shares,
// connections in numbers.
type storm struct {
	random *rand.Rand // hooks are asked one at a time
	sends  int
	drops  int // connections still to drop on delivery, one of 400 or so
}

func (s *storm) faults() sbfake.Faults {
	return sbfake.Faults{
		Send: func(string) sbfake.SendFault {
			s.sends++

			return map[int]sbfake.SendFault{
				3: sbfake.SendBusy, 8: sbfake.SendLoseAck, 13: sbfake.SendDetach, 18: sbfake.SendLoseBatch, 23: sbfake.SendLoseAck, 28: sbfake.SendBusy,
			}[s.sends]
		},
		Receive: func(string) bool {
			if s.drops == 0 || s.random.IntN(400) > 0 {
				return false
			}

			s.drops--

			return true
		},
		Settle: func(string) sbfake.SettleFault {
			switch s.random.IntN(2500) {
			case 0:
				return sbfake.SettleLoseAck
			case 1, 2, 3, 4, 5, 6, 7, 8:
				return sbfake.SettleLoseLock
			}

			return sbfake.SettleOK
		},
		Order: func(_ string, n int) int { return s.random.IntN(min(n, 50)) },
	}
}

// TestNothingIsLostInAStorm sends and receives 10,000 messages while
// connections drop, answers are lost, the service is busy, and messages come
// again and out of order. Each is seen, and stored once.
func TestNothingIsLostInAStorm(t *testing.T) {
	t.Parallel()

	const n, batch = 10_000, 250

	b, c := open(t, sbfake.Options{Lock: 2 * time.Second, MaxDeliveries: 1000})
	weather := &storm{random: rand.New(rand.NewPCG(1, 2)), drops: 5} // the same in each run
	b.SetFaults(weather.faults())

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	var sending sync.WaitGroup

	all := messages(n)
	for from := 0; from < n; from += n / 4 {
		sending.Go(func() {
			for at := from; at < from+n/4; at += batch {
				err := errors.New("not sent")
				for err != nil && ctx.Err() == nil { // as the relay does: again, under the same ids
					err = c.Send(ctx, state.QueueTasks, all[at:at+batch])
				}
			}
		})
	}

	seen := receiveAll(ctx, t, b, c, n)

	sending.Wait()

	b.SetFaults(sbfake.Faults{})

	if len(seen) != n {
		t.Errorf("%d messages were seen, want %d", len(seen), n)
	}

	stored, dropped := map[string]int{}, 0

	for _, e := range b.Log() {
		if e.Duplicate {
			dropped++
			continue
		}

		stored[e.MessageID]++
	}

	for id, times := range stored {
		if times != 1 {
			t.Errorf("%s was stored %d times", id, times)
		}
	}

	again := 0
	for _, times := range seen {
		again += times - 1
	}

	t.Logf("%d copies dropped, %d deliveries came again, %d drops left", dropped, again, weather.drops)

	if len(stored) != n || dropped == 0 || again == 0 || weather.drops > 0 {
		t.Errorf(
			"stored %d, dropped %d copies, %d deliveries came again, %d drops left: the storm was none",
			len(stored),
			dropped,
			again,
			weather.drops,
		)
	}
}

// receiveAll has four receivers settle what comes until n messages were seen
// and none is left, and counts how often each came. An error of Complete tells
// nothing: it may be done, or come again.
func receiveAll(
	ctx context.Context,
	t *testing.T,
	b *sbfake.Broker,
	c *servicebus.Client,
	n int,
) map[string]int {
	t.Helper()

	ctx, done := context.WithCancel(ctx)
	defer done()

	var mu sync.Mutex

	seen := map[string]int{}
	take := func(r queue.Receiver, d queue.Delivery) {
		_ = r.Complete(context.WithoutCancel(ctx), d)

		mu.Lock()
		defer mu.Unlock()

		seen[d.MessageID]++
		if len(seen) == n && b.Depth("tasks") == (sbfake.Depth{}) {
			done()
		}
	}

	var receiving sync.WaitGroup

	for range 4 {
		r, err := c.Receiver(state.QueueTasks)
		if err != nil {
			t.Fatal(err)
		}

		receiving.Go(func() {
			defer func() { _ = r.Close() }()

			for ctx.Err() == nil {
				got, err := r.Receive(ctx, 32)
				if err != nil {
					return
				}

				var open sync.WaitGroup
				for _, d := range got {
					open.Go(func() { take(r, d) })
				}

				open.Wait()
			}
		})
	}

	receiving.Wait()

	return seen
}
