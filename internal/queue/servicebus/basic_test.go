package servicebus_test

import (
	"context"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"coremachine/internal/queue/sbfake"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, o sbfake.Options) (*sbfake.Broker, *servicebus.Client) {
	t.Helper()
	if o.Queues == nil {
		o.Queues = []string{"jobs", "tasks", "long-tasks"}
	}
	b := sbfake.New(o)
	address, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := servicebus.New(servicebus.Options{Connection: sbfake.ConnectionString(address)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = c.Close(limit)
		b.Close()
	})
	return b, c
}

var _ net.Conn

func messages(n int) []state.Message {
	out := make([]state.Message, n)
	for i := range out {
		out[i] = state.Message{V: 1, JobID: state.NewJobID("t", []byte("x")), MessageID: int64(i + 1), Queue: state.QueueTasks, Kind: state.KindTasks, Gen: 1, First: i, Count: 1, Send: 1}
	}
	return out
}

func TestBasic(t *testing.T) {
	b, c := open(t, sbfake.Options{})
	if err := c.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), state.QueueTasks, messages(1000)); err != nil {
		t.Fatal(err)
	}
	t.Log(b.Depth("tasks"))
	r, err := c.Receiver(state.QueueTasks)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for n < 1000 {
		batch, err := r.Receive(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range batch {
			if err := r.Complete(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	t.Log(b.Depth("tasks"))
}
