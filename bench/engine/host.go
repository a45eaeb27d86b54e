package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"coremachine/internal/dev/devhost"
	"coremachine/internal/funchost"
	"coremachine/internal/queue"
	"coremachine/internal/state"
)

// HostCalls measures how many calls per second the stand-in of the Functions
// host makes to a handler that does nothing. calls is the number of calls to
// make. A call includes the envelope, the POST over TCP, the handler's own
// half, and settling. app creates the app root of a handler in a role; "echo"
// is the role of Echo.
func HostCalls(
	ctx context.Context,
	calls int,
	app func(role string) (string, error),
	log *slog.Logger,
) (perSecond float64, err error) {
	root, err := app("echo")
	if err != nil {
		return 0, err
	}

	body, err := state.EncodeMessage(state.Message{
		JobID: state.NewJobID(
			"bench",
			nil,
		),
		MessageID: 1,
		Queue:     state.QueueTasks,
		Kind:      state.KindTasks,
		Count:     1,
	})
	if err != nil {
		return 0, err
	}

	q := &endless{total: int64(calls), body: body, open: make(chan struct{}), done: make(chan struct{})}
	q.left.Store(q.total)

	host, err := devhost.New(devhost.Options{
		Root:      root,
		Addr:      "127.0.0.1:0",
		Log:       log,
		Receivers: map[string]queue.Receiver{state.QueueTasks.String(): q},
	})
	if err != nil {
		return 0, err
	}

	if err := host.Start(ctx); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, host.Stop()) }()

	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	if err := host.Ready(limit); err != nil {
		return 0, err
	}

	begin := time.Now()

	close(q.open)

	select {
	case <-q.done:
		return float64(calls) / time.Since(begin).Seconds(), nil
	case <-limit.Done():
		return 0, limit.Err()
	}
}

// Echo is a handler of which every trigger does nothing, until ctx ends.
func Echo(ctx context.Context, getenv func(string) string, log *slog.Logger) error {
	l, err := funchost.Listen(ctx, getenv, 7072)
	if err != nil {
		return err
	}

	h, err := funchost.New(funchost.Options{Log: log})
	if err != nil {
		return errors.Join(err, l.Close())
	}

	nothing := func(context.Context, funchost.Invocation) error { return nil }

	err = h.Install(funchost.Work{API: http.NotFoundHandler(), Triggers: map[string]funchost.Trigger{
		"process_job": nothing, "process_task": nothing, "process_long_task": nothing, "sweep": nothing,
	}})
	if err != nil {
		return errors.Join(err, l.Close())
	}

	return h.Serve(ctx, l)
}

// endless has as many messages as asked for, all alike, and counts what was
// settled.
type endless struct {
	total   int64
	body    []byte
	left    atomic.Int64
	settled atomic.Int64
	open    chan struct{} // closed when the clock runs
	done    chan struct{}
}

// Receive gives what is left once the clock runs.
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
		batch[i] = queue.Delivery{
			Body:        e.body,
			Deliveries:  1,
			LockedUntil: time.Now().Add(time.Minute),
			EnqueuedAt:  time.Now(),
			MessageID:   "m",
		}
	}

	return batch, nil
}

// Complete counts.
func (e *endless) Complete(context.Context, queue.Delivery) error {
	if e.settled.Add(1) == e.total {
		close(e.done)
	}

	return nil
}

// Abandon puts a message back.
func (e *endless) Abandon(context.Context, queue.Delivery) error {
	e.left.Add(1)
	return nil
}

// Renew has locks that last.
func (e *endless) Renew(context.Context, queue.Delivery) (time.Time, error) {
	return time.Now().Add(time.Minute), nil
}

// DeadLetter is never called: nothing fails.
func (e *endless) DeadLetter(context.Context, queue.Delivery, string) error { return nil }

// Close does nothing.
func (e *endless) Close() error { return nil }
