package servicebus_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/queue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
	"coremachine/internal/test/queuetest"
)

// TestConformance uses the fake broker. If SERVICEBUS_TEST_CONNECTION is set to
// a connection string, it also uses that real namespace. Its queue "tasks" must
// not be used otherwise, and must have duplicate detection, a lock of 1 min and
// at most 10 deliveries.
func TestConformance(t *testing.T) {
	t.Parallel()

	transports := map[string]func(*testing.T, queuetest.Settings) queuetest.Bus{"fake": fake}

	connection := os.Getenv("SERVICEBUS_TEST_CONNECTION") //nolint:forbidigo // it only enables another run
	if connection != "" {
		transports["namespace"] = namespace(connection)
	}

	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queuetest.Exercise(t, transport)
		})
	}
}

func fake(t *testing.T, s queuetest.Settings) queuetest.Bus {
	t.Helper()
	_, connection := broker(t, sbfake.Options{Lock: s.Lock, MaxDeliveries: s.MaxDeliveries})

	return bus(t, s, connection)
}

// namespace gives one test at a time the empty queue.
func namespace(connection string) func(*testing.T, queuetest.Settings) queuetest.Bus {
	var inUse sync.Mutex

	return func(t *testing.T, _ queuetest.Settings) queuetest.Bus {
		t.Helper()
		inUse.Lock()
		t.Cleanup(inUse.Unlock)

		b := bus(t, queuetest.Settings{Lock: time.Minute, MaxDeliveries: 10}, connection)
		if _, err := b.Dead.Redrive(t.Context(), queuetest.Queue, "", 1_000_000); err != nil {
			t.Fatal(err)
		}

		r := b.Receiver(t)
		defer func() { _ = r.Close() }()

		for {
			limit, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			all, err := r.Receive(limit, 100)

			cancel()

			if err != nil {
				return b
			}

			for _, d := range all {
				if err := r.Complete(t.Context(), d); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func bus(t *testing.T, s queuetest.Settings, connection string) queuetest.Bus {
	t.Helper()
	c := client(t, servicebus.Options{Connection: connection})

	raw, err := sb.NewClientFromConnectionString(connection, nil)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := raw.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})

	return queuetest.Bus{
		Settings: s, Dead: c, Duplicates: true,
		Receiver: func(t *testing.T) queue.Receiver {
			t.Helper()

			r, err := c.Receiver(queuetest.Queue)
			if err != nil {
				t.Fatal(err)
			}

			return r
		},
		Put: func(t *testing.T, msgs []state.Message) {
			t.Helper()

			if err := c.Send(t.Context(), queuetest.Queue, msgs); err != nil {
				t.Fatal(err)
			}
		},
		PutLater: func(t *testing.T, m state.Message, wait time.Duration) {
			t.Helper()
			schedule(t, raw, m, time.Now().Add(wait))
		},
	}
}

func schedule(t *testing.T, raw *sb.Client, m state.Message, at time.Time) {
	t.Helper()

	s, err := raw.NewSender(m.Queue.String(), nil)
	if err != nil {
		t.Fatal(err)
	}

	body, err := state.EncodeMessage(m)
	if err != nil {
		t.Fatal(err)
	}

	id := m.TransportID()
	if err := s.SendMessage(
		t.Context(),
		&sb.Message{Body: body, MessageID: &id, ScheduledEnqueueTime: &at},
		nil,
	); err != nil {
		t.Fatal(err)
	}
}
