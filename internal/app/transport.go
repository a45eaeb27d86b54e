package app

import (
	"context"
	"math"
	"time"

	"coremachine/internal/config"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// openTransport makes the local queue, and with Service Bus its client and the
// relays that hand rows to it.
func (a *App) openTransport() error {
	o := pgqueue.Options{Log: a.log}
	if a.cfg.Transport == config.TransportServiceBus {
		o.MaxDeliveries = math.MaxInt32 // a relay's attempts do not count as deliveries
	}

	a.queue = pgqueue.Over(a.repo.Database(), o)
	if a.cfg.Transport != config.TransportServiceBus {
		return nil
	}

	so := servicebus.Options{
		Connection: string(a.cfg.ServiceBus),
		Namespace:  a.cfg.ServiceBusName,
		Log:        a.log,
	}
	if so.Connection == "" {
		cred, err := NewCredential(a.cfg)
		if err != nil {
			return err
		}

		so.Credential = cred
	}

	bus, err := servicebus.New(so)
	if err != nil {
		return err
	}

	a.bus = bus

	return nil
}

// relay hands due rows to Service Bus until the process stops.
func (a *App) relay(ctx context.Context) {
	if a.bus == nil {
		return
	}

	for _, name := range state.Queues {
		a.loops.Go(func() { a.queue.Relay(ctx, name, a.bus) })
	}

	a.loops.Go(func() {
		limit, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()

		if err := a.bus.Warm(limit); err != nil && ctx.Err() == nil {
			a.log.Error("Service Bus is unavailable; messages stay in their rows", keys.Error, err)
		}
	})
}

// receiver is where a plain worker takes a queue's messages from.
func (a *App) receiver(name state.Queue) (queue.Receiver, error) {
	if a.bus != nil {
		return a.bus.Receiver(name)
	}

	return a.queue.Receiver(name), nil
}

// closeTransport closes what openTransport made.
func (a *App) closeTransport(ctx context.Context) {
	if a.queue != nil {
		a.queue.Close()
	}

	if a.bus == nil {
		return
	}

	limit, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()

	if err := a.bus.Close(limit); err != nil {
		a.log.Warn("closing the Service Bus connection failed", keys.Error, err)
	}
}
