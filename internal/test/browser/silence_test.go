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
	"coremachine/internal/test/repotest"
)

// hostEnv makes the test binary act as a host of its own, which a test can stop
// by a signal. Its value is the folder of the app.
const hostEnv = "BROWSER_HOST"

// actAsHost serves pages until SIGTERM. It receives no messages: those that a
// stopped host has received would be missing in other tests. Its first line of
// output is its address.
func actAsHost() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	h, err := newHost(os.Getenv(hostEnv), os.Getenv("DATABASE_URL"), nil, []string{
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

// countSeconds makes the page count the seconds in which it claims to be live,
// and those in which it is not live and waits for no answer. On a busy machine
// they are as late as the page's own timers.
func (b *tab) countSeconds() {
	b.t.Helper()
	b.eval(`(() => {
		const send = window.fetch;
		let asked = 0;
		window.fetch = (...of) => { asked++; return send(...of).finally(() => { asked--; }); };
		window.seconds = { live: 0, idle: 0 };
		setInterval(() => {
			if (document.querySelector("#live-state").dataset.state === "live") window.seconds.live++;
			else if (asked === 0) window.seconds.idle++;
		}, 1000);
	})()`, nil)
}

// seconds returns a count of countSeconds.
func (b *tab) seconds(name string) (n int) {
	b.t.Helper()
	b.eval("window.seconds."+name, &n)

	return n
}

// silentHost checks that a page does not claim to be live while its host stands
// still, and that it recovers.
func silentHost(t *testing.T, w *world) {
	address, host := w.hostProcess(t)
	b := w.open(t)
	b.mute = func(string) bool { return true } // requests that end without an answer
	b.root = address + "/ui"

	b.visit("/jobs/" + w.submit(t, "hello_world", `{"n":150,"message":"held silence"}`).String())
	b.shows("#live-state", "Live")
	b.until(`document.querySelector('#head time[data-t="since"]')`)
	b.mark()
	b.countSeconds()

	send(t, host, syscall.SIGSTOP)

	begun := time.Now()

	b.shows("#live-state", "Reconnecting")

	if n := b.seconds("live"); n > 22 {
		t.Errorf("the page was live for %d s without a byte, want at most 22", n)
	}

	b.shows("#live-age", "data of ")

	stands := b.text(`#head time[data-t="since"]`)

	clock.Sleep(t.Context(), frozenFor-time.Since(begun))

	if got := b.text(`#head time[data-t="since"]`); got != stands {
		t.Errorf("the duration went from %s to %s, but the page does not know it", stands, got)
	}

	idle := b.seconds("idle")

	send(t, host, syscall.SIGCONT)
	b.shows("#live-state", "Live")

	if n := b.seconds("idle") - idle; n > 5 {
		t.Errorf("the page waited %d s before it asked a host that is back, want at most 5", n)
	}

	w.release(t, "silence")
	b.shows("#live-state", "Final")

	if !b.marked() {
		t.Error("the page was reloaded")
	}
}
