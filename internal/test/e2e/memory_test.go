package e2e_test

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// The memory limits of a process, in MB, for tasks with results of 1 MB.
const (
	largeTasks    = 128
	maxCompleting = 500 // the results are 128 MB, and the garbage collector allows twice that
	maxReading    = 200
)

const childMemory = "COREMACHINE_TEST_MEMORY"

// TestLargeResultsAreBoundedInMemory has 128 tasks return 1 MB each at the same
// time, and one task read all their results, in a separate process.
func TestLargeResultsAreBoundedInMemory(t *testing.T) {
	t.Parallel()
	child := osexec.CommandContext(
		t.Context(),
		os.Args[0],
		"-test.run=^TestMemoryProcess$",
		"-test.v",
		"-test.timeout=4m",
	)
	child.Env = append(os.Environ(), childMemory+"="+pgtest.URL(t))

	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	_, report, _ := strings.Cut(string(out), "peaks: ")

	var completing, reading int
	if _, err := fmt.Sscanf(report, "%d %d", &completing, &reading); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	if completing > maxCompleting || reading > maxReading {
		t.Errorf("the process took %d MB to complete and %d MB to read, want at most %d and %d",
			completing, reading, maxCompleting, maxReading)
	}

	t.Logf("the process took %d MB to complete and %d MB to read", completing, reading)
}

// TestMemoryProcess is the body of that process.
func TestMemoryProcess(t *testing.T) { //nolint:paralleltest // it is the body of a separate process
	url := os.Getenv(childMemory)
	if url == "" {
		return
	}

	const (
		large  handlers.TaskType[workIn, jsontext.Value] = "large"
		reader handlers.TaskType[workIn, workOut]        = "reader"
	)

	value := jsontext.Value(`"` + strings.Repeat("x", 1_000_000) + `"`)

	var running atomic.Int64

	full := make(chan struct{})

	var completing, reading peak

	produce := func(ctx context.Context, _ handlers.Task, _ workIn) (jsontext.Value, error) {
		if running.Add(1) == largeTasks {
			close(full)
		}

		select {
		case <-full:
		case <-time.After(20 * time.Second): // fewer tasks run concurrently
		case <-ctx.Done():
		}

		return value, ctx.Err()
	}
	read := func(ctx context.Context, task handlers.Task, _ workIn) (workOut, error) {
		completing.stop()
		debug.FreeOSMemory()

		reading.start()
		defer reading.stop()

		n := 0

		for result, err := range handlers.Results[jsontext.Value](ctx, task, "many") {
			if err != nil {
				return workOut{}, err
			}

			n += len(result) / len(value)
		}

		return workOut{Value: n}, nil
	}
	e := enginetest.Start(t, enginetest.Options{
		Jobs: map[string]define.Job{"large": jobOf(
			define.Stage[params]{
				Name:  "many",
				Tasks: define.Dynamic(large, "n", func(_ params, i int) workIn { return workIn{Value: i} }),
			},
			define.Stage[params]{
				Name:        "read",
				Tasks:       define.FanIn(reader, func(params) workIn { return workIn{} }),
				UsesLineage: true,
			},
		)},
		Handlers: map[string]handlers.Handler{
			string(large):  handlers.Func(produce),
			string(reader): handlers.Func(read),
		},
		InFlight: largeTasks,
		URL:      url,
		Dispatch: enginetest.Local,
		Config:   func(c *coremachine.Config) { c.MaxRunning = largeTasks },
	})

	completing.start()

	job := e.Run("large", fmt.Sprintf(`{"n":%d}`, largeTasks)).MustBe(t, state.JobCompleted)
	if got := string(e.Results(job.ID, "read")[0]); got != fmt.Sprintf(`{"value":%d}`, largeTasks) {
		t.Errorf("the reader returned %s", got)
	}

	_, _ = fmt.Fprintf(os.Stdout, "peaks: %d %d\n", completing.bytes>>20, reading.bytes>>20)
}

// peak samples the memory that the Go runtime obtained from the system. It does
// not include the memory of the race detector.
type peak struct {
	bytes uint64
	end   chan struct{}
	over  chan struct{}
}

func (p *peak) start() {
	p.end, p.over = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.over)

		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()

		sample := []metrics.Sample{
			{Name: "/memory/classes/total:bytes"},
			{Name: "/memory/classes/heap/released:bytes"},
		}
		for {
			metrics.Read(sample)

			p.bytes = max(p.bytes, sample[0].Value.Uint64()-sample[1].Value.Uint64())
			select {
			case <-tick.C:
			case <-p.end:
				return
			}
		}
	}()
}

func (p *peak) stop() {
	close(p.end)
	<-p.over
}
