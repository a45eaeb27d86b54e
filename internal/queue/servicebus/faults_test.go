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

// faultPlan decides the faults of the broker: some of the transfers and
// settlements, and a number of connections.
type faultPlan struct {
	random *rand.Rand // not locked, because hooks do not run concurrently
	sends  int
	drops  int // connections still to drop, at about one of 400 deliveries
}

func (s *faultPlan) faults() sbfake.Faults {
	return sbfake.Faults{
		Send: func(string) sbfake.SendFault {
			s.sends++

			return map[int]sbfake.SendFault{
				3: sbfake.SendBusy, 8: sbfake.SendLoseAck, 13: sbfake.SendDetach,
				18: sbfake.SendLoseBatch, 23: sbfake.SendLoseAck, 28: sbfake.SendBusy,
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

// TestNoMessageIsLostUnderFaults sends and receives 10,000 messages while
// connections drop, answers are lost, the service is busy, and messages are
// delivered repeatedly and out of order. Each message must be received, and
// stored once.
func TestNoMessageIsLostUnderFaults(t *testing.T) {
	t.Parallel()

	const n, batch = 10_000, 250

	b, c := open(t, sbfake.Options{Lock: 2 * time.Second, MaxDeliveries: 1000})
	plan := &faultPlan{random: rand.New(rand.NewPCG(1, 2)), drops: 5} // the same sequence in each run
	b.SetFaults(plan.faults())

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	var sending sync.WaitGroup

	all := messages(n)
	for from := 0; from < n; from += n / 4 {
		sending.Go(func() {
			for at := from; at < from+n/4; at += batch {
				err := errors.New("not sent")
				for err != nil && ctx.Err() == nil { // like the relay, with the same IDs
					err = c.Send(ctx, state.QueueTasks, all[at:at+batch])
				}
			}
		})
	}

	seen := receiveAll(ctx, t, b, c, n)

	sending.Wait()

	b.SetFaults(sbfake.Faults{})

	if len(seen) != n {
		t.Errorf("received %d messages, want %d", len(seen), n)
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

	t.Logf("%d copies dropped, %d redeliveries, %d drops left", dropped, again, plan.drops)

	if len(stored) != n || dropped == 0 || again == 0 || plan.drops > 0 {
		t.Errorf(
			"stored %d, dropped %d copies, %d redeliveries, %d drops left: want all messages and each fault",
			len(stored),
			dropped,
			again,
			plan.drops,
		)
	}
}

// receiveAll runs four receivers until n messages were received and none is
// left, and counts how often each was received. It ignores errors of Complete,
// because the message is either completed or delivered again.
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
	complete := func(r queue.Receiver, d queue.Delivery) {
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
					open.Go(func() { complete(r, d) })
				}

				open.Wait()
			}
		})
	}

	receiving.Wait()

	return seen
}
