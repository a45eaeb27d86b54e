package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/test/enginetest"
)

// Settings of a worker that runs in a separate process.
const (
	childURL   = "E2E_WORKER_URL"      // the address of the database
	childPoint = "E2E_WORKER_STOPS_AT" // the statement at which it suspends itself; unset: none
	childLease = "E2E_WORKER_LEASE"    // "real": the lease is as long as in production
	childHolds = "E2E_WORKER_HOLDS"    // "1": tasks return only when their context ends
	childMode  = "E2E_WORKER_DISPATCH" // the mode of dispatch
)

// pidJob returns jobs whose tasks return the process ID of their worker: pid
// has one task, and pids has n tasks with a message each.
func pidJob() map[string]define.Job {
	return map[string]define.Job{
		"pid":  jobOf(define.Stage[params]{Name: "only", Tasks: single()}),
		"pids": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 1}),
	}
}

func pid(ctx context.Context, _ handlers.Task, _ workIn) (workOut, error) {
	if os.Getenv(childHolds) != "" {
		<-ctx.Done()
		return workOut{}, ctx.Err()
	}

	return workOut{Value: os.Getpid()}, nil
}

// TestWorkerProcess is the body of a worker that another test starts. Without
// its settings it does nothing.
func TestWorkerProcess(t *testing.T) {
	t.Parallel()

	url, point := os.Getenv(childURL), os.Getenv(childPoint)
	if url == "" {
		return
	}

	var once sync.Once

	leases := 0

	lease := shortLease
	if os.Getenv(childLease) == "real" {
		lease = nil
	}

	enginetest.Start(t, enginetest.Options{
		Jobs: pidJob(), Handlers: handlersOf(pid), Config: lease, URL: url, InFlight: 4,
		Dispatch: enginetest.Dispatch(os.Getenv(childMode)),
		Fault: func(at string) error {
			switch {
			case strings.HasPrefix(at, "complete") && point == "complete", at == "commit" && point == at && completes():
				once.Do(suspend)
			case at == "lease_open":
				if leases++; leases == 2 {
					_, _ = fmt.Fprintln(os.Stdout, "resumed")
				}
			}

			return nil
		},
	})

	_, _ = io.Copy(io.Discard, os.Stdin) // until this process or its parent is killed
}

// suspend stops this process until it is continued or killed.
func suspend() {
	_, _ = fmt.Fprintln(os.Stdout, "stopping")
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)

	<-time.After(50 * time.Millisecond) // another thread may receive the signal first
}

// completes reports whether the caller is inside a completion. Other
// transactions, such as the reclaim of orphaned work, do not lock the stage.
func completes() bool { return strings.Contains(string(debug.Stack()), "repo.(*Repo).Complete") }

// worker starts TestWorkerProcess. See child.
func worker(t *testing.T, url string, settings ...string) (*os.Process, <-chan string) {
	t.Helper()

	return child(t, "TestWorkerProcess", url, settings...)
}

// child starts this test binary with one of its tests and returns the lines that
// it prints. The process is killed when the test ends.
func child(t *testing.T, test, url string, settings ...string) (*os.Process, <-chan string) {
	t.Helper()
	cmd := osexec.CommandContext(
		context.WithoutCancel(t.Context()),
		os.Args[0],
		"-test.run=^"+test+"$",
		"-test.timeout=2m",
	)
	cmd.Env = append(append(os.Environ(), childURL+"="+url, childMode+"="+string(modeOf(t))), settings...)
	cmd.Stderr = os.Stderr

	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	lines, read := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(read)
		defer close(lines)

		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()

	t.Cleanup(func() {
		_ = cmd.Process.Kill()

		<-read

		_ = cmd.Wait() // it was killed
	})

	return cmd.Process, lines
}

func await(t *testing.T, lines <-chan string, want string) {
	t.Helper()

	limit := time.NewTimer(time.Minute)
	defer limit.Stop()

	for {
		select {
		case line, ok := <-lines:
			if strings.Contains(line, want) {
				return
			}

			if !ok {
				t.Fatalf("the worker ended before it printed %q", want)
			}
		case <-limit.C:
			t.Fatalf("the worker did not print %q", want)
		}
	}
}
