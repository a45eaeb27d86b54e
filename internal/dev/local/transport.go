package local

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

// transport is the host's side of the message transport.
type transport struct {
	receivers map[string]queue.Receiver
	env       []string // environment variables for the handler's side
	close     func()
}

// overPostgres receives messages from the message rows.
func overPostgres(r *repo.Repo, log *slog.Logger) (transport, error) {
	rows := pgqueue.Over(r.Database(), pgqueue.Options{Log: log})

	t := transport{
		receivers: map[string]queue.Receiver{},
		env:       []string{"TRANSPORT=postgres"},
		close:     rows.Close,
	}
	for _, q := range state.Queues {
		t.receivers[q.String()] = rows.Receiver(q)
	}

	return t, nil
}

// overServiceBus receives from the namespace of a connection string. If it is
// empty, it uses a replacement in memory.
func overServiceBus(connection string, log *slog.Logger) (t transport, err error) {
	t = transport{receivers: map[string]queue.Receiver{}}

	var closers []func()

	t.close = func() {
		for _, end := range slices.Backward(closers) {
			end()
		}
	}

	defer func() {
		if err != nil {
			t.close()
		}
	}()

	if connection == "" {
		names := make([]string, len(state.Queues))
		for i, q := range state.Queues {
			names[i] = q.String()
		}

		broker := sbfake.New(sbfake.Options{Queues: names})
		closers = append(closers, broker.Close)

		address, err := broker.Listen("127.0.0.1:0")
		if err != nil {
			return t, err
		}

		connection = sbfake.ConnectionString(address)
	}

	t.env = []string{"TRANSPORT=servicebus", "SERVICEBUS=" + connection}

	client, err := servicebus.New(servicebus.Options{Connection: connection, Log: log})
	if err != nil {
		return t, err
	}

	closers = append(closers, func() {
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()

		_ = client.Close(limit) // unsettled messages are delivered again
	})

	for _, q := range state.Queues {
		receiver, err := client.Receiver(q)
		if err != nil {
			return t, err
		}

		closers = append(closers, func() { _ = receiver.Close() })
		t.receivers[q.String()] = receiver
	}

	return t, nil
}
