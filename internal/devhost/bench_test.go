package devhost_test

import (
	"context"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/devhost"
	"coremachine/internal/queue"
	"coremachine/internal/state"
)

// endless has as many messages as asked for, and counts what was settled.
type endless struct {
	memQueue
	body    []byte
	left    atomic.Int64
	open    chan struct{} // closed when the clock runs
	done    chan struct{}
	settled atomic.Int64
	total   int64
}

func (e *endless) Receive(ctx context.Context, most int) ([]queue.Delivery, error) {
	select {
	case <-e.open:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	n := min(int64(most), e.left.Load())
	if n == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	e.left.Add(-n)
	batch := make([]queue.Delivery, n)
	for i := range batch {
		batch[i] = queue.Delivery{Body: e.body, Deliveries: 1, LockedUntil: time.Now().Add(time.Minute), EnqueuedAt: time.Now(), MessageID: "m"}
	}
	return batch, nil
}

func (e *endless) Complete(context.Context, queue.Delivery) error {
	if e.settled.Add(1) == e.total {
		close(e.done)
	}
	return nil
}

// BenchmarkTriggers is the whole way of a message but for its queue: envelope, POST, the handler's own half, settling.
func BenchmarkTriggers(b *testing.B) {
	body, err := state.EncodeMessage(state.Message{
		JobID: state.NewJobID("x", nil), MessageID: 1, Queue: state.QueueTasks, Kind: state.KindTasks, Count: 1, Traceparent: "00-aa-bb-01",
	})
	if err != nil {
		b.Fatal(err)
	}
	executable, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for _, calls := range []int{32, 64} {
		b.Run(strconv.Itoa(calls), func(b *testing.B) {
			q := &endless{body: body, open: make(chan struct{}), done: make(chan struct{}), total: int64(b.N)}
			q.left.Store(q.total)
			host, err := devhost.New(devhost.Options{
				Root: writeApp(b, testApp{}), Addr: "127.0.0.1:0", Executable: executable, Calls: calls,
				Env: []string{"DEVHOST_TEST_HANDLER=funchost"}, Receivers: map[string]queue.Receiver{"tasks": q},
			})
			if err != nil {
				b.Fatal(err)
			}
			if err := host.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			if err := host.Ready(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			close(q.open)
			<-q.done
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			if err := host.Stop(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
