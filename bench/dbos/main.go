// Command dbos measures DBOS Transact for Go with the two-stage greeting. It
// measures both ways in which DBOS runs many tasks: concurrent steps in the
// workflow's own process, and child workflows on a queue, which any process can
// claim.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"

	"coremachine/bench/peer"
)

func main() {
	const quick = 20 * time.Millisecond
	peer.Main("DBOS Go 1.8.0", []peer.Variant{
		{Name: "steps", Settings: "steps in one workflow: in its process only", Start: starter(0, false)},
		{Name: "queue", Settings: "child workflows on a queue, defaults (poll 1 s)", Start: starter(0, true), Joins: true},
		{
			Name:     "queue-tuned",
			Settings: "child workflows on a queue, queue poll 20 ms, handle poll 10 ms",
			Start:    starter(quick, true),
			Joins:    true,
		},
	})
}

type engine struct {
	ctx    dbos.Context
	queue  dbos.Queue
	poll   []dbos.GetResultOption
	queued bool
}

func starter(poll time.Duration, queued bool) func(context.Context, peer.Place) (peer.Engine, error) {
	return func(ctx context.Context, at peer.Place) (peer.Engine, error) {
		e := &engine{queued: queued}
		var options []dbos.QueueOption
		if poll > 0 {
			options = append(options, dbos.WithQueueBasePollingInterval(poll))
			e.poll = append(e.poll, dbos.WithHandlePollingInterval(poll/2))
		}
		address, err := limited(at)
		if err != nil {
			return nil, err
		}
		e.ctx, err = dbos.NewContext(context.WithoutCancel(ctx), dbos.Config{
			DatabaseURL: address, AppName: "bench", Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			ExecutorID: strconv.Itoa(os.Getpid()), // a process recovers the workflows of its own id
		})
		if err != nil {
			return nil, err
		}
		dbos.RegisterWorkflow(e.ctx, e.bySteps)
		dbos.RegisterWorkflow(e.ctx, e.byQueue)
		dbos.RegisterWorkflow(e.ctx, greet)
		dbos.RegisterWorkflow(e.ctx, answer)
		if queued {
			if e.queue, err = dbos.RegisterQueue(e.ctx, "tasks", options...); err != nil {
				return nil, err
			}
		}
		return e, dbos.Launch(e.ctx)
	}
}

// limited limits the connections of one of several processes. The default is 20.
func limited(at peer.Place) (string, error) {
	if at.Processes == 1 {
		return at.Address, nil
	}
	u, err := url.Parse(at.Address)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("pool_max_conns", strconv.Itoa(at.Share(20)))
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Stop stops DBOS.
func (e *engine) Stop(context.Context) error {
	dbos.Shutdown(e.ctx, 10*time.Second)
	return nil
}

// Run starts one workflow for each name and waits for all of them.
func (e *engine) Run(_ context.Context, names []string, n int) ([]string, error) {
	workflow := e.bySteps
	if e.queued {
		workflow = e.byQueue
	}
	var handles []dbos.WorkflowHandle[string]
	for _, name := range names {
		h, err := dbos.RunWorkflow(e.ctx, workflow, n, dbos.WithWorkflowID(fmt.Sprintf("%s-%d", name, n)))
		if err != nil {
			return nil, err
		}
		handles = append(handles, h)
	}
	last := make([]string, len(names))
	for i, h := range handles {
		var err error
		if last[i], err = h.GetResult(e.poll...); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func greet(_ dbos.Context, i int) (string, error)            { return peer.Greeting(i), nil }
func answer(_ dbos.Context, greeting string) (string, error) { return peer.Reply(greeting), nil }

// bySteps runs every task of a stage as a step.
func (e *engine) bySteps(ctx dbos.Context, n int) (string, error) {
	greetings, err := steps(ctx, n, func(i int) string { return peer.Greeting(i) })
	if err != nil {
		return "", err
	}
	replies, err := steps(ctx, n, func(i int) string { return peer.Reply(greetings[i]) })
	if err != nil {
		return "", err
	}
	return replies[n-1], nil
}

func steps(ctx dbos.Context, n int, task func(i int) string) ([]string, error) {
	ends, results := make([]<-chan dbos.StepOutcome[string], n), make([]string, n)
	for i := range n {
		var err error
		if ends[i], err = dbos.Go(
			ctx,
			func(context.Context) (string, error) { return task(i), nil },
		); err != nil {
			return nil, err
		}
	}
	for i, end := range ends {
		outcome := <-end
		if outcome.Err != nil {
			return nil, outcome.Err
		}
		results[i] = outcome.Result
	}
	return results, nil
}

// byQueue runs every task of a stage as a workflow of its own.
func (e *engine) byQueue(ctx dbos.Context, n int) (string, error) {
	inputs := make([]int, n)
	for i := range inputs {
		inputs[i] = i
	}
	greetings, err := children(ctx, e, greet, inputs)
	if err != nil {
		return "", err
	}
	replies, err := children(ctx, e, answer, greetings)
	if err != nil {
		return "", err
	}
	return replies[n-1], nil
}

func children[In any](
	ctx dbos.Context,
	e *engine,
	task dbos.Workflow[In, string],
	inputs []In,
) ([]string, error) {
	handles, results := make([]dbos.WorkflowHandle[string], len(inputs)), make([]string, len(inputs))
	for i, in := range inputs {
		var err error
		if handles[i], err = dbos.RunWorkflow(ctx, task, in, dbos.WithQueue(e.queue)); err != nil {
			return nil, err
		}
	}
	for i, h := range handles {
		var err error
		if results[i], err = h.GetResult(e.poll...); err != nil {
			return nil, err
		}
	}
	return results, nil
}
