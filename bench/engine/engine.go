package engine

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/coremachine"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
)

// engine is one process's worth of engine, with the fixture jobs, in this
// process.
type engine struct {
	url     string
	repo    *repo.Repo
	queue   *pgqueue.Queue
	bus     *bus
	client  *servicebus.Client // nil over Postgres
	machine *coremachine.Machine
	cancel  context.CancelFunc
	serving sync.WaitGroup
	sent    *counter

	mu    sync.Mutex
	ended map[state.JobID]chan struct{}
}

// counter counts statements.
type counter struct{ n atomic.Int64 }

// TraceQueryStart counts one.
func (c *counter) TraceQueryStart(
	ctx context.Context,
	_ *pgx.Conn,
	_ pgx.TraceQueryStartData,
) context.Context {
	c.n.Add(1)
	return ctx
}

// TraceQueryEnd does nothing.
func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart counts nothing: its statements come one by one.
func (*counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery counts one of a batch, BEGIN and COMMIT too.
func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { c.n.Add(1) }

// TraceBatchEnd does nothing.
func (*counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

var _ interface {
	pgx.QueryTracer
	pgx.BatchTracer
} = (*counter)(nil)

func startEngine(ctx context.Context, o Options, address string, bus *bus) (*engine, error) {
	log := o.Log
	e := &engine{url: address, bus: bus, sent: &counter{}, ended: map[state.JobID]chan struct{}{}}

	r, err := repo.Open(
		ctx,
		repo.Config{URL: address, BeforeConnect: func(_ context.Context, c *pgx.ConnConfig) error {
			c.Tracer = e.sent
			return nil
		}},
	)
	if err != nil {
		return nil, err
	}

	e.repo = r

	options := pgqueue.Options{Log: log}
	if bus.broker != nil {
		options.MaxDeliveries = math.MaxInt32 // a relay's attempt is not a delivery

		if e.client, err = servicebus.New(
			servicebus.Options{Connection: bus.connection, Log: log},
		); err != nil {
			r.Close()
			return nil, err
		}
	}

	e.queue = pgqueue.Over(r.Database(), options)
	cfg := coremachine.Config{
		Jobs:     fixtures.Jobs(),
		Handlers: fixtures.Handlers(),
		Store:    r,
		Log:      log,
		Wake:     e.queue.Wake,
		JobEnded: e.jobEnded,
		Build:    "bench",
		Relayed:  bus.broker != nil,
	}

	if o.config != nil {
		o.config(&cfg)
	}

	e.machine = coremachine.New(cfg)
	e.machine.EnableLocalDispatch()
	e.machine.Start(ctx)
	serve, cancel := context.WithCancel(context.WithoutCancel(ctx))

	e.cancel = cancel
	for _, name := range state.Queues {
		if err := e.serve(serve, name, log); err != nil {
			return nil, errors.Join(err, e.stop())
		}
	}

	if err := until(ctx, func() (bool, error) { return e.machine.Ready(), nil }); err != nil {
		return nil, errors.Join(err, e.stop())
	}

	return e, nil
}

func (e *engine) serve(ctx context.Context, name state.Queue, log *slog.Logger) error {
	const inFlight = 64 // the default of QUEUE_IN_FLIGHT

	if e.client == nil {
		recv := e.queue.Receiver(name)
		e.serving.Go(func() { queue.Serve(ctx, recv, inFlight, e.machine.Room(name), log, e.machine.Handle) })

		return nil
	}

	recv, err := e.client.Receiver(name)
	if err != nil {
		return err
	}

	e.serving.Go(func() { e.queue.Relay(ctx, name, e.client) })
	e.serving.Go(func() {
		queue.Serve(ctx, recv, inFlight, e.machine.Room(name), log, e.machine.Handle)
		_ = recv.Close() // nothing is received any more
	})

	return nil
}

func (e *engine) stop() error {
	e.cancel()

	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	_ = e.machine.Stop(limit) // dropping the schema removes what Stop could not release
	e.serving.Wait()
	e.queue.Close()

	if e.client != nil {
		_ = e.client.Close(limit) // as does the broker
	}

	e.repo.Close()
	e.bus.close()

	return nil
}

func (e *engine) jobEnded(id state.JobID) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if c, ok := e.ended[id]; ok {
		close(c)
	} else {
		c = make(chan struct{})
		close(c)
		e.ended[id] = c
	}
}

func (e *engine) end(id state.JobID) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()

	c, ok := e.ended[id]
	if !ok {
		c = make(chan struct{})
		e.ended[id] = c
	}

	return c
}

func (e *engine) submit(ctx context.Context, jobType, body string) (state.JobID, error) {
	res, err := e.machine.Submit(ctx, coremachine.SubmitRequest{Type: jobType, Body: []byte(body)})
	return res.JobID, err
}

func (e *engine) wait(ctx context.Context, _ *database, ids []state.JobID) error {
	for _, id := range ids {
		select {
		case <-e.end(id):
		case <-ctx.Done():
			return ctx.Err()
		}

		e.mu.Lock()
		delete(e.ended, id)
		e.mu.Unlock()
	}

	return nil
}

func (e *engine) address() string      { return e.url }
func (e *engine) statements() int64    { return e.sent.n.Load() }
func (e *engine) processes() []process { return []process{{kind: "engine", pid: os.Getpid()}} }

// until asks every millisecond.
func until(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()

	for {
		if ok, err := done(); ok || err != nil {
			return err
		}

		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
