package azurite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"coremachine/internal/dev/azurite"
	"coremachine/internal/dev/npm"
	"coremachine/internal/test/needs"
)

// holderEnv makes the test binary start a server, print its address, and wait
// to be killed.
const holderEnv = "AZURITE_HOLDER"

// dir is the work directory of the tests.
var dir = filepath.Join("..", "..", "..", ".local", "azurite")

func TestMain(m *testing.M) {
	if os.Getenv(holderEnv) != "" {
		s, err := azurite.Start(context.Background(), azurite.Options{Dir: dir, InstalledOnly: true})
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)

			os.Exit(1)
		}

		_, _ = fmt.Fprintln(
			os.Stdout,
			"at",
			strings.TrimSuffix(strings.TrimPrefix(s.URL(), "http://"), "/local"),
		)
		_, _ = io.Copy(io.Discard, os.Stdin) // until the process is killed

		os.Exit(0)
	}

	goleak.VerifyTestMain(m)
}

func TestServersAreIsolatedAndStop(t *testing.T) {
	t.Parallel()

	one, two := start(t), start(t)
	if one.URL() == two.URL() || one.Connection() == two.Connection() {
		t.Errorf("two servers have the addresses %s and %s, want different ones", one.URL(), two.URL())
	}

	_, first := one.Account()
	if _, second := two.Account(); first == second || len(first) < 64 {
		t.Error("the keys of two servers are equal or short")
	}

	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

	get := func(s *azurite.Server) (int, error) {
		resp, err := client.Get(s.URL() + "/none/blob") //nolint:noctx // bounded by the client
		if err != nil {
			return 0, err
		}

		return resp.StatusCode, resp.Body.Close()
	}
	if status, err := get(one); err != nil || status < 400 {
		t.Errorf("a request without a key got status %d, %v", status, err)
	}

	if err := one.Stop(); err != nil {
		t.Error(err)
	}

	if status, err := get(one); err == nil {
		t.Errorf("the stopped server answered with status %d", status)
	}

	if alive(one.PID()) {
		t.Error("the stopped server still runs")
	}

	if _, err := get(two); err != nil {
		t.Errorf("the other server does not answer: %v", err)
	}
}

// installed skips the test if Azurite is not installed.
func installed(t *testing.T) {
	t.Helper()

	_, err := azurite.Install(t.Context(), azurite.Options{Dir: dir, InstalledOnly: true})
	needs.Installed(t, "Azurite", err, npm.ErrNotInstalled)
}

func start(t *testing.T) *azurite.Server {
	t.Helper()
	installed(t)

	s, err := azurite.Start(t.Context(), azurite.Options{Dir: dir, InstalledOnly: true})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})

	return s
}

func TestServerEndsWithItsStarter(t *testing.T) {
	t.Parallel()
	installed(t)

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	holder := exec.CommandContext(t.Context(), self)

	holder.Env = append(os.Environ(), holderEnv+"=1")

	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = in.Close() }()

	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}

	line, err := bufio.NewReader(out).ReadString('\n')

	address, found := strings.CutPrefix(strings.TrimSpace(line), "at ")
	if err != nil || !found || !listens(t, address) {
		t.Fatalf("the starter printed %q, %v", line, err)
	}

	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	_ = holder.Wait() // it was killed

	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	for limit := time.Now().Add(time.Minute); listens(t, address); <-tick.C {
		if time.Now().After(limit) {
			t.Fatal("the server still runs a minute after its starter")
		}
	}
}

func listens(t *testing.T, address string) bool {
	t.Helper()

	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		return false
	}

	return c.Close() == nil
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
