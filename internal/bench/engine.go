package bench

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/e2e/fixtures"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

// engine is one process's worth of engine, with the fixture jobs.
type engine struct {
	repo    *repo.Repo
	queue   *pgqueue.Queue
	machine *coremachine.Machine
	cancel  context.CancelFunc
	serving sync.WaitGroup

	mu    sync.Mutex
	ended map[state.JobID]chan struct{}
}

func startEngine(ctx context.Context, address string, log *slog.Logger) (*engine, error) {
	r, err := repo.Open(ctx, repo.Config{URL: address})
	if err != nil {
		return nil, err
	}
	e := &engine{repo: r, queue: pgqueue.New(r.Pool(), pgqueue.Options{Log: log}), ended: map[state.JobID]chan struct{}{}}
	e.machine = coremachine.New(coremachine.Config{
		Jobs: fixtures.Jobs(), Handlers: fixtures.Handlers(), Store: r, Log: log, Wake: e.queue.Wake, JobEnded: e.jobEnded, Build: "bench",
	})
	e.machine.Start(ctx)
	serve, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.cancel = cancel
	for _, name := range state.Queues {
		recv := e.queue.Receiver(name)
		e.serving.Go(func() { queue.Serve(serve, recv, 64, log, e.machine.Handle) })
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !e.machine.Ready() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			e.stop()
			return nil, ctx.Err()
		}
	}
	return e, nil
}

func (e *engine) stop() {
	e.cancel()
	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = e.machine.Stop(limit) // the schema goes with what it could not put back
	e.serving.Wait()
	e.queue.Close()
	e.repo.Close()
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

// workload runs one round: it returns the time, the times of single jobs or submits where they count, and the tasks done.
func (e *engine) workload(ctx context.Context, o Options, round string) (wall time.Duration, each []time.Duration, tasks int, err error) {
	const single = 50 // jobs one after the other, or submits
	begin := time.Now()
	switch o.Workload {
	case "latency":
		for i := range single {
			start := time.Now()
			if err := e.run(ctx, "hello", fmt.Sprintf(`{"n":1,"message":"%s-%d"}`, round, i)); err != nil {
				return 0, nil, 0, err
			}
			each = append(each, time.Since(start))
		}
		return time.Since(begin), each, 2 * single, nil
	case "submit":
		for i := range single {
			start := time.Now()
			if _, err := e.submit(ctx, "hello", fmt.Sprintf(`{"n":1,"message":"s%s-%d"}`, round, i)); err != nil {
				return 0, nil, 0, err
			}
			each = append(each, time.Since(start))
		}
		return time.Since(begin), each, single, nil
	}
	var ids []state.JobID
	for i := range o.Jobs {
		id, err := e.submit(ctx, o.Workload, params(o, round, i))
		if err != nil {
			return 0, nil, 0, err
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		select {
		case <-e.end(id):
		case <-ctx.Done():
			return 0, nil, 0, ctx.Err()
		}
	}
	wall = time.Since(begin)
	return wall, nil, o.Jobs * tasksOf(o), nil
}

func params(o Options, round string, i int) string {
	switch o.Workload {
	case "hello":
		return fmt.Sprintf(`{"n":%d,"message":"%s-%d"}`, o.N, round, i)
	case "deep":
		return fmt.Sprintf(`{"seed":%d}`, seed(round, i))
	}
	return fmt.Sprintf(`{"n":%d,"seed":%d}`, o.N, seed(round, i))
}

// seed makes jobs of different rounds different jobs.
func seed(round string, i int) int {
	n := i
	for _, c := range round {
		n = n*31 + int(c)*1000
	}
	return n
}

func tasksOf(o Options) int {
	switch o.Workload {
	case "hello":
		return 2 * o.N
	case "deep":
		return len(fixtures.Jobs()["deep"].Stages())
	case "fanin":
		return o.N + 1
	}
	return o.N
}

func (e *engine) submit(ctx context.Context, jobType, body string) (state.JobID, error) {
	res, err := e.machine.Submit(ctx, coremachine.SubmitRequest{Type: jobType, Body: []byte(body)})
	return res.JobID, err
}

func (e *engine) run(ctx context.Context, jobType, body string) error {
	id, err := e.submit(ctx, jobType, body)
	if err != nil {
		return err
	}
	select {
	case <-e.end(id):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
