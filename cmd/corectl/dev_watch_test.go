package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coremachine/internal/test/pgtest"
)

// devProcess is a running `corectl dev` of a project.
type devProcess struct {
	t     *testing.T
	lines chan string // standard error; closed at its end
	api   running
}

// startDev starts `corectl dev` in a project, and waits until it is ready.
func startDev(t *testing.T, p project) *devProcess {
	t.Helper()

	report := filepath.Join(t.TempDir(), "report")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "dev", "--port", "0", "--report", report)
	cmd.Dir = p.root
	cmd.Env = append(cmd.Environ(), "DATABASE_URL="+pgtest.URL(t))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }

	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}

	if err != nil {
		t.Fatal(err)
	}

	d := &devProcess{t: t, lines: make(chan string, 100_000)}
	go func() {
		defer close(d.lines)

		for scan := bufio.NewScanner(stderr); scan.Scan(); {
			d.lines <- scan.Text()
		}
	}()

	t.Cleanup(func() {
		_ = cmd.Cancel()

		for more := true; more; { // until it has ended
			_, more = <-d.lines
		}

		_ = cmd.Wait() // ended by its context
	})

	d.await("A change of a Go file rebuilds")

	text, err := os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(text, &d.api)
	}

	if err != nil {
		t.Fatal(err)
	}

	return d
}

// await reads lines up to one that contains a text. It returns them.
func (d *devProcess) await(want string) string {
	d.t.Helper()

	until := time.Now().Add(time.Hour) // a build may take long on a loaded machine
	if end, ok := d.t.Deadline(); ok {
		until = end.Add(-10 * time.Second)
	}

	limit := time.NewTimer(time.Until(until))
	defer limit.Stop()

	var seen strings.Builder

	for {
		select {
		case line, more := <-d.lines:
			seen.WriteString(line + "\n")

			if strings.Contains(line, want) {
				return seen.String()
			}

			if !more {
				d.t.Fatalf("dev ended before %q:\n%s", want, seen.String())
			}
		case <-limit.C:
			d.t.Fatalf("no %q in:\n%s", want, seen.String())
		}
	}
}

// edit replaces text in a file of a project.
func edit(t *testing.T, p project, path, old, replacement string) {
	t.Helper()

	file := filepath.Join(p.root, path)

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	if !strings.Contains(string(text), old) {
		t.Fatalf("%s does not contain %q:\n%s", path, old, text)
	}

	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), old, replacement)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDevReplacesTheHandlerAndJobsContinue has a handler that never ends its
// task. The task of the running job is completed by the next build.
func TestDevReplacesTheHandlerAndJobsContinue(t *testing.T) {
	t.Parallel()

	started := make(chan struct{}, 100)
	signal := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { started <- struct{}{} }))
	t.Cleanup(signal.Close)

	p := newProject(t, newAppCmd{Job: "first_job"})

	const file = "internal/handlers/first_job.go"

	const finished, endless = `return FirstJobGreetOutput{Note: fmt.Sprintf("greet of item %d", in.Item)}, nil`,
		`return FirstJobGreetOutput{Note: fmt.Sprint(in.Item)}, wait(ctx)`

	edit(t, p, file, finished, endless)
	edit(t, p, file, "func firstJobGreet(_ context", "func firstJobGreet(ctx context")

	write := os.WriteFile(filepath.Join(p.root, "internal/handlers/wait.go"), []byte(`package handlers

import (
	"context"
	"net/http"
)

func wait(ctx context.Context) error {
	if response, err := http.Get("`+signal.URL+`"); err == nil {
		_ = response.Body.Close()
	}

	<-ctx.Done()

	return ctx.Err()
}
`), 0o600)
	if write != nil {
		t.Fatal(write)
	}

	dev := startDev(t, p)
	fake, o := newAPI(t), outside{state: t.TempDir(), url: dev.api.API}

	if got := fake.run(o, "submit", "first_job", "n=1"); got.code != exitOK {
		t.Fatalf("got %+v", got)
	}

	select {
	case <-started:
	case <-time.After(patience):
		t.Fatal("the task did not start")
	}

	// A build that fails replaces nothing: the handler still runs the task.
	edit(t, p, file, endless, "return nonsense")

	text := dev.await("The old handler keeps running.")
	if !strings.Contains(text, "first_job.go") || !strings.Contains(text, "undefined: nonsense") {
		t.Errorf("the error of the compiler is not shown:\n%s", text)
	}

	if got := fake.run(o, "status", "@last", "-o", "json"); !strings.Contains(got.out, `"running":1`) {
		t.Errorf("the old handler does not run its task: %+v", got)
	}

	edit(t, p, file, "return nonsense", strings.Replace(finished, "greet of", "second build of", 1))
	dev.await("The new handler is ready after ")

	if got := fake.run(o, "status", "@last", "--watch", "--timeout", "5m"); got.code != exitOK {
		t.Fatalf("the job did not continue: %+v", got)
	}

	got := fake.run(o, "task", "@last", "greet", "0", "-o", "json")
	if !strings.Contains(got.out, "second build of item 0") {
		t.Errorf("another handler answered: %+v", got)
	}
}
