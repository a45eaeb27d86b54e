package app

import (
	"context"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/queue"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// hold is how long handle keeps a message that it cannot process now before it
// releases it. Otherwise a transport that redelivers immediately would use all
// deliveries of a message within a second.
const hold = 45 * time.Second

// Work receives from every queue until Stop: for a process that no Functions
// host feeds. Call it after Start.
func (a *App) Work(ctx context.Context) {
	if a.machine == nil {
		return
	}

	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.stopWork = cancel
	a.machine.EnableLocalDispatch()

	for _, name := range state.Queues {
		a.working.Go(func() {
			if !a.untilReady(ctx) {
				return
			}

			recv, err := a.receiver(name)
			if err != nil {
				a.log.Error("receiving from a queue failed", keys.Queue, name.String(), keys.Error, err)
				return
			}

			defer a.receiving.serve(name)()

			queue.Serve(ctx, recv, a.cfg.QueueInFlight, a.machine.Room(name), a.log, a.counted(name))
			_ = recv.Close() // nothing is received any more; the connection goes with the process
		})
	}
}

func (a *App) untilReady(ctx context.Context) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	for a.Ready() != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}

	return true
}

// counted is handle for the messages of one queue.
func (a *App) counted(q state.Queue) func(context.Context, state.Message) error {
	return func(ctx context.Context, msg state.Message) error {
		defer a.receiving.begin(q)()
		return a.handle(ctx, msg)
	}
}

// handle processes a message. While the machine is unavailable, handle retries
// for up to hold.
func (a *App) handle(ctx context.Context, msg state.Message) error {
	begin := time.Now()
	wait := clock.Backoff{Min: 50 * time.Millisecond, Max: 2 * time.Second}

	for {
		err := a.machine.Handle(ctx, msg)
		if state.CodeOf(err) != state.CodeUnavailable || time.Since(begin) > hold || a.stopping.Load() {
			return err
		}

		if !wait.Sleep(ctx) {
			return err
		}
	}
}
