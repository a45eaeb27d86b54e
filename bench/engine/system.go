package engine

import (
	"context"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/state"
)

// system is what is measured: it takes jobs and runs them, wherever.
type system interface {
	submit(ctx context.Context, jobType, body string) (state.JobID, error)
	// wait returns when all have ended, as soon as can be.
	wait(ctx context.Context, db *database, ids []state.JobID) error
	address() string      // of the database, the schema in its search path
	processes() []process // of ours
	statements() int64    // sent so far, 0 where it cannot be known
	stop() error
}

// start starts a system and returns when it is ready to work.
func start(ctx context.Context, o Options, address string) (system, error) {
	bus := &bus{}

	if o.ServiceBus {
		var err error
		if bus, err = openBus(); err != nil {
			return nil, err
		}
	}

	s, err := startOn(ctx, o, address, bus)
	if err != nil {
		bus.close()
		return nil, err
	}

	return s, nil
}

func startOn(ctx context.Context, o Options, address string, bus *bus) (system, error) {
	switch o.Mode {
	case ModeEngine:
		return startEngine(ctx, o, address, bus)
	case ModeWorker:
		return startWorkers(ctx, o, address, bus)
	case ModeFunctions:
		return startHosts(ctx, o, address, bus)
	}

	return nil, state.Invalid(
		"engine.Run",
		"the mode is unknown",
		state.FieldError{Field: "mode", Message: o.Mode},
	)
}

// bus is the stand-in of Service Bus in this process; the zero value is none.
type bus struct {
	broker     *sbfake.Broker
	connection string
}

func openBus() (*bus, error) {
	names := make([]string, len(state.Queues))
	for i, q := range state.Queues {
		names[i] = q.String()
	}

	b := &bus{broker: sbfake.New(sbfake.Options{Queues: names})}

	at, err := b.broker.Listen("127.0.0.1:0")
	if err != nil {
		b.broker.Close()
		return nil, err
	}

	b.connection = sbfake.ConnectionString(at)

	return b, nil
}

// env returns the environment variables that configure the transport of a
// process of this program.
func (b *bus) env() []string {
	if b.broker == nil {
		return []string{"TRANSPORT=postgres"}
	}

	return []string{"TRANSPORT=servicebus", "SERVICEBUS=" + b.connection}
}

func (b *bus) close() {
	if b.broker != nil {
		b.broker.Close()
	}
}
