package queue

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"coremachine/internal/state"
)

// once delivers one message again and again until it is completed.
type once struct {
	Receiver
	mu        sync.Mutex
	abandoned int
	completed chan struct{}
}

func (o *once) Abandon(context.Context, Delivery) error {
	o.mu.Lock()
	defer o.mu.Unlock()

	o.abandoned++

	return nil
}

func (o *once) Complete(context.Context, Delivery) error {
	close(o.completed)
	return nil
}

func (o *once) Receive(ctx context.Context, _ int) ([]Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	if o.abandoned > 1 {
		<-ctx.Done()
		return nil, ErrClosed
	}

	return []Delivery{{}}, nil
}

func TestServeOutlivesAPanic(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	r := &once{completed: make(chan struct{})}
	calls := 0

	Serve(ctx, r, 1, nil, slog.New(slog.DiscardHandler), func(context.Context, state.Message) error {
		if calls++; calls == 2 {
			cancel()
		}

		panic("injected")
	})

	if calls != 2 || r.abandoned != 2 {
		t.Errorf("%d messages were handled and %d abandoned, want 2 of each", calls, r.abandoned)
	}
}
