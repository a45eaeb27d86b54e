package telemetry

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"coremachine/internal/telemetry/keys"
	"coremachine/internal/view"
)

// Process is the state of a process that its metrics report.
type Process struct {
	Running, Unresponsive int // handlers
	Used, Idle, Max       int // connections of the pool
	Waits                 int64
	Waited                time.Duration
	// Queues reads the backlog of each queue from the database.
	Queues func(context.Context) ([]view.QueueLag, error)
	// Jobs reads the number of open jobs from the database.
	Jobs func(context.Context) ([]view.JobCount, error)
	// QueuesEvery is the minimum time between two reads of the database, and
	// QueuesLimit limits each read. Zero means 5 s and 2 s.
	QueuesEvery, QueuesLimit time.Duration
}

// Watch reports what read returns whenever the metrics are read. It reads the
// database at most once in QueuesEvery. All processes report the same values
// for the database.
func (t *Telemetry) Watch(read func() Process) error {
	if t == nil {
		return nil
	}

	m := t.meter
	count := func(name, about string) metric.Int64ObservableGauge {
		// The registration below returns the error.
		g, _ := m.Int64ObservableGauge(name, metric.WithDescription(about))
		return g
	}
	age := func(name, about string) metric.Float64ObservableGauge {
		g, _ := m.Float64ObservableGauge(name, metric.WithDescription(about), metric.WithUnit("s"))
		return g
	}
	running := count(keys.HandlersRunning, "Running handlers")
	unresponsive := count(keys.HandlersUnresponsive, "Handlers that were abandoned and have not returned")
	conns := count(keys.Connections, "Connections to the database")
	maxConns := count(keys.ConnectionsMax, "Maximum number of connections to the database")
	messages := count(keys.QueueMessages, "Messages of a queue")
	open := count(keys.JobsOpen, "Jobs that have not ended")
	queueAge := age(keys.QueueAge, "Time that the oldest message of a queue has waited for a worker")
	outboxAge := age(keys.OutboxAge, "Time that the oldest due message has waited for its transport")
	reading := count(keys.Reading, "1 if the last read of the queues succeeded, else 0")
	waits, _ := m.Int64ObservableCounter(
		keys.ConnectionWaits,
		metric.WithDescription("Number of waits for a connection"),
	)
	waited, _ := m.Float64ObservableCounter(
		keys.ConnectionWaited,
		metric.WithDescription("Total time of waits for a connection"),
		metric.WithUnit("s"),
	)

	var lag lagCache

	_, err := m.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		p := read()
		o.ObserveInt64(running, int64(p.Running))
		o.ObserveInt64(unresponsive, int64(p.Unresponsive))

		for name, n := range map[string]int{"used": p.Used, "idle": p.Idle} {
			o.ObserveInt64(conns, int64(n), metric.WithAttributes(attribute.String(keys.State, name)))
		}

		o.ObserveInt64(maxConns, int64(p.Max))
		o.ObserveInt64(waits, p.Waits)
		o.ObserveFloat64(waited, p.Waited.Seconds())

		queues, jobs, ok := lag.read(ctx, p)
		if !ok {
			o.ObserveInt64(reading, 0)
			return nil
		}

		o.ObserveInt64(reading, 1)

		for _, j := range jobs {
			o.ObserveInt64(
				open,
				int64(j.Count),
				metric.WithAttributes(attribute.String(keys.Status, string(j.Status))),
			)
		}

		for _, q := range queues {
			name := attribute.String(keys.Queue, q.Queue)
			for state, n := range map[string]int{
				"ready":     q.Ready,
				"scheduled": q.Scheduled,
				"sent":      q.Sent,
				"held":      q.Held,
				"dead":      q.Dead,
			} {
				o.ObserveInt64(
					messages,
					int64(n),
					metric.WithAttributes(name, attribute.String(keys.State, state)),
				)
			}

			o.ObserveFloat64(queueAge, q.WaitingSeconds, metric.WithAttributes(name))
			o.ObserveFloat64(outboxAge, q.UnsentSeconds, metric.WithAttributes(name))
		}

		return nil
	}, running, unresponsive, conns, maxConns, messages, open, queueAge, outboxAge, reading, waits, waited)

	return err
}

// lagCache caches a read of the database.
type lagCache struct {
	mu     sync.Mutex
	at     time.Time
	queues []view.QueueLag
	jobs   []view.JobCount
	ok     bool
}

func (c *lagCache) read(ctx context.Context, p Process) ([]view.QueueLag, []view.JobCount, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	every, limit := p.QueuesEvery, p.QueuesLimit
	if every == 0 {
		every = 5 * time.Second
	}

	if limit == 0 {
		limit = 2 * time.Second
	}

	if time.Since(c.at) < every {
		return c.queues, c.jobs, c.ok
	}

	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	queues, err := p.Queues(ctx)

	var jobs []view.JobCount
	if err == nil {
		jobs, err = p.Jobs(ctx)
	}

	c.at, c.queues, c.jobs, c.ok = time.Now(), queues, jobs, err == nil

	return c.queues, c.jobs, c.ok
}
