package browser

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/test/repotest"
)

// hostEnv makes the test binary act as a host of its own, which a test can stop
// by a signal. Its value is the folder of the app.
const hostEnv = "BROWSER_HOST"

// actAsHost serves until SIGTERM. Its first line of output is its address.
func actAsHost() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	database := os.Getenv("DATABASE_URL")

	r, err := repo.Open(ctx, repo.Config{URL: database})
	if err != nil {
		return err
	}
	defer r.Close()

	q := pgqueue.New(r.Pool(), pgqueue.Options{})
	defer q.Close()

	h, err := newHost(os.Getenv(hostEnv), database, q, []string{
		gatesEnv + "=" + os.Getenv(gatesEnv), "OPEN_DASHBOARD=true",
	}, nil, func(_ string, _ slog.Level, line string) { fmt.Fprintln(os.Stderr, line) })
	if err != nil {
		return err
	}

	if err := h.Start(ctx); err != nil {
		return err
	}

	_, _ = fmt.Fprintln(os.Stdout, h.URL())

	<-ctx.Done()

	return h.Stop()
}

// hostProcess starts another host of the deployment, and returns its address
// and process.
func (w *world) hostProcess(t *testing.T) (address string, p *os.Process) {
	t.Helper()

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), self)
	cmd.Stderr = os.Stderr

	cmd.Env = append(os.Environ(),
		hostEnv+"="+repotest.AppFolder(t), "DATABASE_URL="+w.database, gatesEnv+"="+w.gates,
	)

	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Signal(syscall.SIGTERM)

		if err := cmd.Wait(); err != nil {
			t.Errorf("the host ended with %v", err)
		}
	})

	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}

	address = strings.TrimSpace(line)
	awaitReady(t, address)

	return address, cmd.Process
}

func send(t *testing.T, p *os.Process, s os.Signal) {
	t.Helper()

	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// frozenFor is how long the host stands still.
const frozenFor = time.Minute

// silentHost checks that a page does not claim to be live while its host stands
// still, and that it recovers.
func silentHost(t *testing.T, w *world) {
	address, host := w.hostProcess(t)
	b := w.open(t)
	b.mute = func(string) bool { return true } // requests that end without an answer
	b.root = address + "/ui"

	b.visit("/jobs/" + w.submit(t, "hello_world", `{"n":950,"message":"held silence"}`).String())
	b.shows("#live-state", "Live")
	b.until(`document.querySelector('#head time[data-t="since"]')`)
	b.mark()

	send(t, host, syscall.SIGSTOP)

	begun := time.Now()

	b.shows("#live-state", "Reconnecting")

	// The limit is 21 s, and the page is asked now and then.
	if took := time.Since(begun); took > 25*time.Second {
		t.Errorf("the page was live for %s without a byte, want at most 25 s", took)
	}

	b.shows("#live-age", "data of ")

	stands := b.text(`#head time[data-t="since"]`)

	clock.Sleep(t.Context(), frozenFor-time.Since(begun))

	if got := b.text(`#head time[data-t="since"]`); got != stands {
		t.Errorf("the duration went from %s to %s, but the page does not know it", stands, got)
	}

	send(t, host, syscall.SIGCONT)

	begun = time.Now()

	b.shows("#live-state", "Live")

	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the page was live %s after the host, want at most 5 s", took)
	}

	w.release(t, "silence")
	b.shows("#live-state", "Final")

	if !b.marked() {
		t.Error("the page was reloaded")
	}
}
