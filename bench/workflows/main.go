// Command workflows measures go-workflows on the two-stage greeting.
// go-workflows has no Postgres backend (only sqlite, MySQL and Redis), so it
// runs on sqlite with a file in a temporary folder. Its figures describe the
// library and are not from the same database.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cschleiden/go-workflows/backend"
	"github.com/cschleiden/go-workflows/backend/sqlite"
	"github.com/cschleiden/go-workflows/client"
	"github.com/cschleiden/go-workflows/worker"
	"github.com/cschleiden/go-workflows/workflow"

	"coremachine/bench/peer"
)

func main() {
	tuned := worker.DefaultOptions
	tuned.WorkflowPollers, tuned.ActivityPollers = 4, 4
	tuned.WorkflowPollingInterval, tuned.ActivityPollingInterval = 5*time.Millisecond, 5*time.Millisecond
	tuned.SingleWorkerMode = true
	peer.Main("go-workflows 1.2.0", []peer.Variant{
		{
			Name:     "sqlite",
			Settings: "sqlite file (it has no Postgres backend), defaults (poll 200 ms)",
			Start:    starter(worker.DefaultOptions),
		},
		{
			Name:     "sqlite-tuned",
			Settings: "sqlite file, single worker mode, 4 pollers, poll 5 ms",
			Start:    starter(tuned),
		},
	})
}

type store interface {
	backend.Backend
	Close() error
}

type engine struct {
	folder string
	store  store
	worker *worker.Worker
	client *client.Client
	cancel context.CancelFunc
}

func starter(options worker.Options) func(context.Context, peer.Place) (peer.Engine, error) {
	return func(ctx context.Context, _ peer.Place) (peer.Engine, error) {
		folder, err := os.MkdirTemp("", "bench-peer-")
		if err != nil {
			return nil, err
		}
		quiet := sqlite.WithBackendOptions(backend.WithLogger(slog.New(slog.DiscardHandler)))
		e := &engine{folder: folder, store: sqlite.NewSqliteBackend(filepath.Join(folder, "db"), quiet)}
		e.worker, e.client = worker.New(e.store, &options), client.New(e.store)
		err = errors.Join(
			e.worker.RegisterWorkflow(hello),
			e.worker.RegisterActivity(greet),
			e.worker.RegisterActivity(answer),
		)
		if err != nil {
			return nil, err
		}
		run, cancel := context.WithCancel(context.WithoutCancel(ctx))
		e.cancel = cancel
		return e, e.worker.Start(run)
	}
}

// Stop stops the worker and removes its file.
func (e *engine) Stop(context.Context) error {
	e.cancel()
	return errors.Join(e.worker.WaitForCompletion(), e.store.Close(), os.RemoveAll(e.folder))
}

// Run starts one workflow for each name and waits for all of them.
func (e *engine) Run(ctx context.Context, names []string, n int) ([]string, error) {
	var all []*workflow.Instance
	for _, name := range names {
		i, err := e.client.CreateWorkflowInstance(
			ctx,
			client.WorkflowInstanceOptions{InstanceID: fmt.Sprintf("%s-%d", name, n)},
			hello,
			n,
		)
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	last := make([]string, len(names))
	for i, instance := range all {
		var err error
		if last[i], err = client.GetWorkflowResult[string](
			ctx,
			e.client,
			instance,
			10*time.Minute,
		); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func greet(_ context.Context, i int) (string, error)            { return peer.Greeting(i), nil }
func answer(_ context.Context, greeting string) (string, error) { return peer.Reply(greeting), nil }

func hello(ctx workflow.Context, n int) (string, error) {
	indexes := make([]int, n)
	for i := range indexes {
		indexes[i] = i
	}
	greetings, err := stage(ctx, greet, indexes)
	if err != nil {
		return "", err
	}
	replies, err := stage(ctx, answer, greetings)
	if err != nil {
		return "", err
	}
	return replies[n-1], nil
}

func stage[In any](
	ctx workflow.Context,
	task func(context.Context, In) (string, error),
	inputs []In,
) ([]string, error) {
	ends, results := make([]workflow.Future[string], len(inputs)), make([]string, len(inputs))
	for i, in := range inputs {
		ends[i] = workflow.ExecuteActivity[string](ctx, workflow.DefaultActivityOptions, task, in)
	}
	for i, end := range ends {
		var err error
		if results[i], err = end.Get(ctx); err != nil {
			return nil, err
		}
	}
	return results, nil
}
