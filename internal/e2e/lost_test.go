package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/enginetest"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/pgtest"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

func shortLease(c *coremachine.Config) {
	c.Lease, c.Renew, c.Grace = 1500*time.Millisecond, 400*time.Millisecond, 400*time.Millisecond
}

// TestWorkOfALostProcessIsDoneByAnother cuts a process off from the database while it runs tasks, and lets it come back when others
// have done them.
func TestWorkOfALostProcessIsDoneByAnother(t *testing.T) {
	t.Parallel()
	var cut atomic.Bool
	var begun sync.WaitGroup
	const n = 48
	begun.Add(n)
	goOn := make(chan struct{})
	fn := func(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
		if t.Stage == "many" && t.Attempt == 1 && t.Total == n {
			begun.Done()
			<-goOn
		}
		return workOut{1000*t.Attempt + in.Value}, nil
	}
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"lost": jobOf(
			define.Stage[params]{Name: "many", Tasks: dynamic(), Bundle: 2},
			define.Stage[params]{Name: "next", Tasks: follow()},
		)},
		Handlers: handlersOf(fn), Config: shortLease, Processes: 2, InFlight: 16,
		FaultOf: func(process int) repo.Fault {
			return func(string) error {
				if process == 1 && cut.Load() {
					return lost
				}
				return nil
			}
		},
	})
	id := e.Submit("lost", fmt.Sprintf(`{"n":%d}`, n))
	begun.Wait()
	cut.Store(true)
	e.Process(1).StopReceiving()
	close(goOn)
	job := e.Wait(id).MustBe(t, state.JobCompleted)
	job.Stage(t, "many").MustHave(t, n, 0)
	job.Stage(t, "next").MustHave(t, n, 0)
	again := query(t, e, `select count(*) from attempts where outcome = 'lost' and attempt = 1 and not final`)
	if again == 0 || again >= n {
		t.Errorf("%d of %d tasks were lost", again, n)
	}
	mustCount(t, e, again, `select count(*) from tasks where stage = 0 and attempt = 2 and losses = 1 and failures = 0
		and convert_from(result, 'UTF8')::json->>'value' like '2%'`)
	mustCount(t, e, n, `select count(*) from tasks where stage = 1 and attempt = 1`)
	cut.Store(false)
	until(t, "the process is back under another lease", func() bool {
		return e.Process(1).Machine.Ready() && query(t, e, `select count(*) from workers where lease_until > now()`) == 2
	})
	e.Run("lost", `{"n":3,"seed":1}`).MustBe(t, state.JobCompleted)
}

// Settings of a worker that is a process of its own: its database, and the statement at which it stops itself.
const (
	childURL   = "E2E_WORKER_URL"
	childPoint = "E2E_WORKER_STOPS_AT"
)

func pidJob() map[string]define.Job {
	return map[string]define.Job{"pid": jobOf(define.Stage[params]{Name: "only", Tasks: single()})}
}

func pid(context.Context, handlers.Task, workIn) (workOut, error) { return workOut{os.Getpid()}, nil }

// TestWorkerProcess is the body of a worker that another test starts; by itself it does nothing.
func TestWorkerProcess(t *testing.T) {
	t.Parallel()
	url, point := os.Getenv(childURL), os.Getenv(childPoint)
	if url == "" {
		return
	}
	var once sync.Once
	leases := 0
	enginetest.Start(t, enginetest.Options{
		Jobs: pidJob(), Handlers: handlersOf(pid), Config: shortLease, URL: url,
		Fault: func(at string) error {
			switch {
			case at == "lock_held" && point == at, at == "commit" && point == at && completing.Load():
				once.Do(func() {
					_, _ = fmt.Fprintln(os.Stdout, "stopping")
					_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
					<-time.After(50 * time.Millisecond) // the signal may meet another thread first
				})
			case at == "lease_open":
				if leases++; leases == 2 {
					_, _ = fmt.Fprintln(os.Stdout, "alive again")
				}
			}
			if at == "lock_held" {
				completing.Store(true)
			}
			return nil
		},
	})
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or its parent is
}

var completing atomic.Bool

// TestAStoppedProcessWritesNothingWhenItGoesOn stops a process inside a completion, before it has locked a row and before COMMIT, until
// another has done its work.
func TestAStoppedProcessWritesNothingWhenItGoesOn(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"lock_held", "commit"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			r, err := repo.Open(t.Context(), repo.Config{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			submitter := coremachine.New(coremachine.Config{Jobs: pidJob(), Handlers: handlersOf(pid), Store: r})
			if err := enginetest.LogStatuses(t.Context(), r.Pool()); err != nil {
				t.Fatal(err)
			}
			submitted, err := submitter.Submit(t.Context(), coremachine.SubmitRequest{Type: "pid"})
			if err != nil {
				t.Fatal(err)
			}
			child, lines := worker(t, url, point)
			await(t, lines, "stopping")
			e := enginetest.Start(t, enginetest.Options{Jobs: pidJob(), Handlers: handlersOf(pid), Config: shortLease, URL: url})
			job := e.Wait(submitted.JobID).MustBe(t, state.JobCompleted)
			if err := child.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			await(t, lines, "alive again")
			var out workOut
			if err := json.Unmarshal(e.Results(job.ID, "only")[0], &out); err != nil || out.Value != os.Getpid() {
				t.Errorf("the result is %d, want that of this process, %d; %v", out.Value, os.Getpid(), err)
			}
			mustCount(t, e, 1, `select count(*) from tasks where attempt = 2 and losses = 1`)
			mustCount(t, e, 1, `select count(*) from status_log where record = 'task' and now = 'completed'`)
			mustCount(t, e, 1, `select count(*) from attempts where outcome = 'lost'`)
			e.MustBalance()
		})
	}
}

// worker starts this test's binary as a worker and returns what it prints. It is killed with the test.
func worker(t *testing.T, url, point string) (*os.Process, <-chan string) {
	t.Helper()
	cmd := osexec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "-test.run=^TestWorkerProcess$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), childURL+"="+url, childPoint+"="+point)
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
	limit := time.NewTimer(40 * time.Second)
	defer limit.Stop()
	for {
		select {
		case line, ok := <-lines:
			if strings.Contains(line, want) {
				return
			}
			if !ok {
				t.Fatalf("the worker ended before it said %q", want)
			}
		case <-limit.C:
			t.Fatalf("the worker did not say %q", want)
		}
	}
}
