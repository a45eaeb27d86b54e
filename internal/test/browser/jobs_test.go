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

// gatesEnv names the folder of the files that held tasks wait for.
const gatesEnv = "BROWSER_GATES"

// testJobs are those of the product and of the fixtures, and one that looks
// like work.
var testJobs = func() map[string]define.Job {
	all := fixtures.Jobs()
	maps.Copy(all, jobs.All)
	all["tile_index"] = tileIndex

	return all
}()

// testHandlers are those of the product's and the fixtures' that testJobs need:
// a checkout may have a tile_index of its own, which is not among them.
// Greetings can be held, so that hello_world is seen on its way.
var testHandlers = func() map[string]handlers.Handler {
	all := fixtures.Handlers()
	maps.Copy(all, handlers.All)
	maps.Copy(all, tileHandlers())
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

// greeting says what the product's does. From index 900 on, a message "held
// NAME" waits until a file NAME is there.
func greeting(
	ctx context.Context,
	t handlers.Task,
	in handlers.GreetingInput,
) (out handlers.GreetingOutput, err error) {
	if gate, held := strings.CutPrefix(in.Message, "held "); held && t.Index >= 900 {
		err = pass(ctx, gate)
	}

	return handlers.GreetingOutput{
		Greeting:  fmt.Sprintf("%s from task %d!", in.Message, t.Index),
		TaskIndex: t.Index,
		Timestamp: time.Now().UTC(),
	}, err
}

// pass waits for a file of the test's.
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
