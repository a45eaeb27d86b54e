package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/repo"
)

// faults configures the faults of the Service Bus stand-in and counts them.
// Every n-th call of a kind fails, so the calls in between make progress.
type faults struct {
	sends, settles                                                atomic.Int64
	busy, lostAcks, lostBatches, detached, lostSettles, lostLocks atomic.Int64
	dropped, repeated, outOfOrder                                 atomic.Int64

	drop, free chan struct{}
}

// drops is how many times the connections are cut.
const drops = 10

func newFaults() *faults {
	return &faults{drop: make(chan struct{}, drops), free: make(chan struct{}, 100)}
}

func (f *faults) hooks() sbfake.Faults {
	return sbfake.Faults{Send: f.send, Settle: f.settle, Order: f.order}
}

func (f *faults) send(string) sbfake.SendFault {
	switch f.sends.Add(1) % 6 {
	case 2:
		f.busy.Add(1)
		return sbfake.SendBusy
	case 1:
		f.lostAcks.Add(1)
		return sbfake.SendLoseAck
	case 3:
		f.lostBatches.Add(1)
		return sbfake.SendLoseBatch
	case 4:
		f.detached.Add(1)
		return sbfake.SendDetach
	}

	return sbfake.SendOK
}

func (f *faults) settle(string) sbfake.SettleFault {
	n := f.settles.Add(1)
	if n%80 == 40 && n < 80*drops {
		f.drop <- struct{}{}
	}

	if n%50 == 25 {
		select {
		case f.free <- struct{}{}:
		default:
		}
	}

	switch {
	case n%211 == 100:
		f.lostSettles.Add(1)
		return sbfake.SettleLoseAck
	case n%31 == 30:
		f.lostLocks.Add(1)
		return sbfake.SettleLoseLock
	}

	return sbfake.SettleOK
}

func (f *faults) order(_ string, n int) int {
	at := rand.N(n)
	if at > 0 {
		f.outOfOrder.Add(1)
	}

	return at
}

// carryOut performs the faults that hooks must not perform, since hooks run
// under the broker's lock.
func (f *faults) carryOut(b *sbfake.Broker, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-f.drop:
			b.DropConnections()
			f.dropped.Add(1)
		case <-f.free:
			f.repeated.Add(int64(b.DropLocks("tasks")))
		}
	}
}

func (f *faults) String() string {
	return fmt.Sprintf(
		"faults: connections cut %d times; of %d sends %d busy, %d stored without an answer, %d lost, %d detached; "+
			"of %d settlements %d without an answer, %d with the lock lost; "+
			"%d deliveries repeated while in flight; %d out of order",
		f.dropped.Load(),
		f.sends.Load(),
		f.busy.Load(),
		f.lostAcks.Load(),
		f.lostBatches.Load(),
		f.detached.Load(),
		f.settles.Load(),
		f.lostSettles.Load(),
		f.lostLocks.Load(),
		f.repeated.Load(),
		f.outOfOrder.Load(),
	)
}

func (f *faults) mustHaveHappened(t *testing.T) {
	t.Helper()

	if got := f.dropped.Load(); got != drops {
		t.Errorf("the connections were cut %d times, want %d", got, drops)
	}

	for what, n := range map[string]*atomic.Int64{
		"busy": &f.busy, "lost acks": &f.lostAcks, "lost batches": &f.lostBatches, "detached": &f.detached,
		"lost locks": &f.lostLocks, "lost settlements": &f.lostSettles,
		"repeated deliveries": &f.repeated, "out of order": &f.outOfOrder,
	} {
		if n.Load() == 0 {
			t.Errorf("the fault never happened: %s", what)
		}
	}
}

// countdown makes a test wait until n steps were made.
type countdown struct {
	left atomic.Int64
	once sync.Once
	done chan struct{}
}

func newCountdown(n int64) *countdown {
	c := &countdown{done: make(chan struct{})}
	c.left.Store(n)

	return c
}

func (c *countdown) step() {
	if c.left.Add(-1) <= 0 {
		c.once.Do(func() { close(c.done) })
	}
}

func (c *countdown) wait(t *testing.T) {
	t.Helper()

	limit, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	select {
	case <-c.done:
	case <-limit.Done():
		t.Fatal("timed out waiting for the countdown")
	}
}

func migrated(t *testing.T, url string) string {
	t.Helper()

	if err := repo.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}

	return url
}
