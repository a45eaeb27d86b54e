package browser

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/jobs/define"
	"coremachine/internal/test/fixtures"
)

// gatesEnv names the environment variable for the folder of the gate files.
const gatesEnv = "BROWSER_GATES"

// testJobs are the jobs of the product and of the fixtures, and one that
// resembles real work.
var testJobs = func() map[string]define.Job {
	all := fixtures.Jobs()
	maps.Copy(all, jobs.All)
	all["tile_index"] = tileIndex
	all["survey"] = survey

	return all
}()

// testSchedules has a schedule whose next slot is usually hours away.
var testSchedules = map[string]define.Schedule{
	"nightly": define.Every("30 2 * * *", "Europe/Berlin", jobs.HelloWorld, jobs.HelloWorldParams{N: 5}),
}

// testHandlers are the handlers that testJobs need. A checkout may have a
// tile_index of its own, which is left out. Greetings can be held, so that a
// test can see hello_world while it runs.
var testHandlers = func() map[string]handlers.Handler {
	all := fixtures.Handlers()
	maps.Copy(all, handlers.All)
	maps.Copy(all, tileHandlers())
	all[string(drawShot)] = handlers.Func(draw)
	all[string(handlers.Greeting)] = handlers.Func(greeting)
	needed := map[string]bool{}

	for _, job := range testJobs {
		for _, stage := range job.Stages() {
			needed[stage.TaskType] = true
		}
	}

	maps.DeleteFunc(all, func(taskType string, _ handlers.Handler) bool { return !needed[taskType] })

	return all
}()

// greeting returns the same as the product's handler. If the message is "held
// NAME", the last 50 tasks wait until a file NAME exists.
func greeting(
	ctx context.Context,
	t handlers.Task,
	in handlers.GreetingInput,
) (out handlers.GreetingOutput, err error) {
	if gate, held := strings.CutPrefix(in.Message, "held "); held && t.Index >= t.Total-50 {
		err = pass(ctx, gate)
	}

	return handlers.GreetingOutput{
		Greeting:  fmt.Sprintf("%s from task %d!", in.Message, t.Index),
		TaskIndex: t.Index,
		Timestamp: time.Now().UTC(),
	}, err
}

// pass waits for a gate file of the test.
func pass(ctx context.Context, gate string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	for {
		_, err := os.Stat(filepath.Join(os.Getenv(gatesEnv), gate))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}

		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
