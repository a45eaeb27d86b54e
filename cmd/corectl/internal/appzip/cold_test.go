package appzip_test

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"coremachine/internal/test/pgtest"
)

// BenchmarkColdStart measures the time from the start of the packaged
// executable to the first answered GET / and to the first answered submit, with
// a Postgres that is running. It prints the medians.
func BenchmarkColdStart(b *testing.B) {
	executable := buildExecutable(b)
	url := pgtest.URL(b)

	var alive, submitted []time.Duration

	for b.Loop() {
		first, second := coldStart(b, executable, url)
		alive, submitted = append(alive, first), append(submitted, second)
	}

	slices.Sort(alive)
	slices.Sort(submitted)
	b.ReportMetric(float64(alive[len(alive)/2].Microseconds())/1000, "ms-to-first-answer")
	b.ReportMetric(float64(submitted[len(submitted)/2].Microseconds())/1000, "ms-to-first-submit")
}

func buildExecutable(tb testing.TB) string {
	tb.Helper()
	executable := tb.TempDir() + "/handler"
	cmd := exec.CommandContext(
		tb.Context(),
		"go",
		"build",
		"-trimpath",
		"-ldflags",
		"-s -w",
		"-o",
		executable,
		"../../../../cmd/handler",
	)

	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}

	return executable
}

func coldStart(b *testing.B, executable, url string) (alive, submitted time.Duration) {
	b.Helper()

	l, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}

	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}

	base := "http://127.0.0.1:" + strconv.Itoa(port)
	cmd := exec.CommandContext(context.Background(), executable)
	cmd.Env = append(
		cmd.Environ(),
		"DATABASE_URL="+url,
		"LOG_LEVEL=error",
		"FUNCTIONS_CUSTOMHANDLER_PORT="+strconv.Itoa(port),
	)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	begin := time.Now()

	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}

	poll(b, client, http.MethodGet, base+"/", func(code int) bool { return code == http.StatusOK })

	alive = time.Since(begin)

	poll(
		b,
		client,
		http.MethodPost,
		base+"/api/jobs/submit/hello_world",
		func(code int) bool { return code == http.StatusAccepted || code == http.StatusOK },
	)

	submitted = time.Since(begin)
	_ = cmd.Process.Signal(syscall.SIGKILL) // as the host does
	_ = cmd.Wait()

	return alive, submitted
}

func poll(b *testing.B, client *http.Client, method, address string, ok func(int) bool) {
	b.Helper()

	limit, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	defer cancel()

	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()

	for {
		req, err := http.NewRequestWithContext(limit, method, address, strings.NewReader("{}"))
		if err != nil {
			b.Fatal(err)
		}

		req.Header.Set("Content-Type", "application/json")

		res, err := client.Do(req)
		if err == nil {
			_ = res.Body.Close()
			if ok(res.StatusCode) {
				return
			}
		}

		select {
		case <-tick.C:
		case <-limit.Done():
			b.Fatalf("%s was not answered in time: %v", address, err)
		}
	}
}
