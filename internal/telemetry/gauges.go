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

// Process is the state of this process that a reading of the metrics shows.
type Process struct {
	Running, Deaf    int // handlers
	Used, Idle, Most int // connections of the pool
	Waits            int64
	Waited           time.Duration
	Queues           func(context.Context) ([]view.QueueLag, error) // reads the database
	// reads the database: the open ones
	Jobs                     func(context.Context) ([]view.JobCount, error)
	QueuesEvery, QueuesLimit time.Duration // 0: 5 s, 2 s
}

// Watch shows what read tells, each time that somebody reads the metrics. The
// database is asked at most once in QueuesEvery, whoever reads; every process
// tells the same of it.
func (t *Telemetry) Watch(read func() Process) error {
	if t == nil {
		return nil
	}

	m := t.meter
	count := func(name, about string) metric.Int64ObservableGauge {
		// its error is that of registering it below
		g, _ := m.Int64ObservableGauge(name, metric.WithDescription(about))
		return g
	}
	age := func(name, about string) metric.Float64ObservableGauge {
		g, _ := m.Float64ObservableGauge(name, metric.WithDescription(about), metric.WithUnit("s"))
		return g
	}
	running := count(keys.HandlersRunning, "Handlers that run now")
	deaf := count(keys.HandlersUnresponsive, "Handlers that were given up and have not returned")
	conns := count(keys.Connections, "Connections to the database")
	most := count(keys.ConnectionsMost, "Most connections to the database")
	messages := count(keys.QueueMessages, "Messages of a queue")
	open := count(keys.JobsOpen, "Jobs that have not ended")
	queueAge := age(keys.QueueAge, "How long the oldest message of a queue has waited for a worker")
	outboxAge := age(keys.OutboxAge, "How long the oldest due message has waited for its transport")
	reading := count(keys.Reading, "Whether the last reading of the queues was answered")
	waits, _ := m.Int64ObservableCounter(
		keys.ConnectionWaits,
		metric.WithDescription("Times that a connection was waited for"),
	)
	waited, _ := m.Float64ObservableCounter(
		keys.ConnectionWaited,
		metric.WithDescription("Time that connections were waited for"),
		metric.WithUnit("s"),
	)

	var lag lagCache

	_, err := m.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		p := read()
		o.ObserveInt64(running, int64(p.Running))
		o.ObserveInt64(deaf, int64(p.Deaf))

		for name, n := range map[string]int{"used": p.Used, "idle": p.Idle} {
			o.ObserveInt64(conns, int64(n), metric.WithAttributes(attribute.String(keys.State, name)))
		}

		o.ObserveInt64(most, int64(p.Most))
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
			for state, n := range map[string]int{"ready": q.Ready, "scheduled": q.Scheduled, "sent": q.Sent, "held": q.Held, "dead": q.Dead} {
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
	}, running, deaf, conns, most, messages, open, queueAge, outboxAge, reading, waits, waited)

	return err
}

// lagCache keeps a reading for a while.
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
