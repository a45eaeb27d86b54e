package servicebus_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/queue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(renewer)) }

// renewer is a goroutine that azservicebus sometimes leaks: it waits to refresh
// a token after a connection was lost while links opened.
const renewer = "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus/internal." +
	"(*Namespace).startNegotiateClaimRenewer.func3"

func queueNames() []string {
	names := make([]string, len(state.Queues))
	for i, q := range state.Queues {
		names[i] = q.String()
	}

	return names
}

// broker starts a fake broker. It closes when the test ends, after its clients.
func broker(t *testing.T, o sbfake.Options) (*sbfake.Broker, string) {
	t.Helper()

	if o.Queues == nil {
		o.Queues = queueNames()
	}

	b := sbfake.New(o)
	t.Cleanup(b.Close)

	address, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	return b, sbfake.ConnectionString(address)
}

func client(t *testing.T, o servicebus.Options) *servicebus.Client {
	t.Helper()

	if o.RetryDelay == 0 {
		o.RetryDelay, o.MaxRetryDelay = 5*time.Millisecond, 20*time.Millisecond
	}

	c, err := servicebus.New(o)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()

		_ = c.Close(limit) // fails if the test dropped the connection
	})

	return c
}

func open(t *testing.T, o sbfake.Options) (*sbfake.Broker, *servicebus.Client) {
	t.Helper()
	b, connection := broker(t, o)

	return b, client(t, servicebus.Options{Connection: connection})
}

func receiver(t *testing.T, c *servicebus.Client) queue.Receiver {
	t.Helper()

	r, err := c.Receiver(state.QueueTasks)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = r.Close() })

	return r
}

func messages(n int) []state.Message {
	out := make([]state.Message, n)
	for i := range out {
		out[i] = state.Message{
			V:         state.EnvelopeVersion,
			JobID:     state.NewJobID("test", []byte("x")),
			MessageID: int64(i + 1),
			Queue:     state.QueueTasks,
			Kind:      state.KindTasks,
			Gen:       1,
			First:     i,
			Count:     1,
			Send:      1,
		}
	}

	return out
}

// receiveN receives n deliveries.
func receiveN(t *testing.T, r queue.Receiver, n int) []queue.Delivery {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var all []queue.Delivery
	for len(all) < n {
		batch, err := r.Receive(ctx, n-len(all))
		if err != nil {
			t.Fatalf("received %d of %d: %v", len(all), n, err)
		}

		all = append(all, batch...)
	}

	return all
}
