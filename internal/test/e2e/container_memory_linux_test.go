package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	process "os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
	"coremachine/internal/test/blobtest"
	"coremachine/internal/test/pgtest"
)

// maxMemory is the limit of a process, independent of the size of the job.
const maxMemory = 200 << 20

// TestListing100000BlobsIsBoundedInMemory runs the programs as they are
// delivered. A test binary with the race detector would need many times the
// memory.
func TestListing100000BlobsIsBoundedInMemory(t *testing.T) {
	t.Parallel()

	const n = 100_000

	database := pgtest.URL(t)
	r := startDev(t, "DATABASE_URL="+database, "STORAGE="+blobtest.Listing(t, n))
	refusedOver(
		t,
		r.API,
		`{"container":"another"}`,
		`"errors":[{"field":"container","message":"there is no container \"another\" in the storage account"}]`,
	)

	var s handlers.ContainerSummaryOutput
	runOver(t, r.API, `{"container":"listing","limit":1000000}`, &s)

	var bytesOf int64

	for i := range n {
		if i%10 == 9 {
			i--
		}

		bytesOf += blobtest.ListedSize(i)
	}

	if s.Blobs != n || s.Bytes != bytesOf || s.Truncated ||
		len(s.ByExtension.Groups) != len(blobtest.ListedExtensions) ||
		!s.ByFolder.Exact {
		t.Errorf(
			"listed %d blobs with %d bytes, want %d with %d; %+v",
			s.Blobs,
			s.Bytes,
			n,
			bytesOf,
			s.ByExtension,
		)
	}

	if d := s.Duplicates; d.Copies != n/10 || d.SampledOneIn != 1 {
		t.Errorf("%d copies, sampled one in %d, want %d", d.Copies, d.SampledOneIn, n/10)
	}

	var parts, largest int

	err := one(t, database).
		QueryRow(t.Context(), `select count(*), max(length(data)) from result_parts`).
		Scan(&parts, &largest)
	if err != nil {
		t.Fatal(err)
	}

	if parts != n/handlers.MaxPage || largest > state.MaxResult {
		t.Errorf("the listing is in %d parts, the largest of %d bytes", parts, largest)
	}

	for name, pid := range map[string]int{"host": r.HostPID, "handler": r.HandlerPID} {
		peak, err := peakMemory(pid)
		if err != nil || peak > maxMemory {
			t.Errorf("the %s took %d MB, %v, want at most %d", name, peak>>20, err, maxMemory>>20)
		}

		t.Logf("the %s took %d MB", name, peak>>20)
	}
}

// devReport is the report that `corectl dev` writes about itself.
type devReport struct {
	API        string `json:"api"`
	HostPID    int    `json:"host_pid"`
	HandlerPID int    `json:"handler_pid"`
}

// startDev builds corectl and runs `corectl dev` until the test ends.
func startDev(t *testing.T, env ...string) devReport {
	t.Helper()
	program, report := buildCorectl(t), filepath.Join(t.TempDir(), "report")

	var output bytes.Buffer

	dev := process.CommandContext(t.Context(), program, "dev", "--port", "0", "--report", report)
	dev.Dir, dev.Stdout, dev.Stderr = "../../..", &output, &output

	dev.Env = append(os.Environ(), env...)
	dev.Cancel = func() error { return dev.Process.Signal(syscall.SIGTERM) }

	dev.WaitDelay = 30 * time.Second
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}

	ended := make(chan struct{})
	go func() {
		defer close(ended)

		_ = dev.Wait() // how it ended does not matter
	}()

	t.Cleanup(func() {
		_ = dev.Process.Signal(syscall.SIGTERM)

		<-ended

		if t.Failed() {
			t.Log(output.String())
		}
	})

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()

	limit := time.NewTimer(5 * time.Minute)
	defer limit.Stop()

	for {
		text, err := os.ReadFile(report)
		if err == nil {
			var r devReport
			if err := json.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}

			return r
		}

		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("corectl dev ended: %s", output.String())
		case <-limit.C:
			t.Fatal("corectl dev did not start")
		}
	}
}

// one connects to a schema.
func one(t *testing.T, url string) *pgx.Conn {
	t.Helper()

	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = c.Close(context.Background()) })

	return c
}

// refusedOver submits container_list over HTTP, and expects status 400 and the
// reason why.
func refusedOver(t *testing.T, api, params, why string) {
	t.Helper()

	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}

	resp, err := client.Post( //nolint:noctx // bounded by the client
		api+"/jobs/submit/container_list",
		"application/json",
		strings.NewReader(params),
	)
	if err != nil {
		t.Fatal(err)
	}

	text, err := io.ReadAll(resp.Body)
	if closing := resp.Body.Close(); err != nil || closing != nil ||
		resp.StatusCode != http.StatusBadRequest ||
		!strings.Contains(string(text), why) {
		t.Errorf("status %d, %v: %s", resp.StatusCode, errors.Join(err, closing), text)
	}
}

// runOver submits container_list over HTTP, waits for its end and decodes its
// result.
func runOver(t *testing.T, api, params string, into any) {
	t.Helper()

	client := &http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()

	var job struct {
		JobID  string          `json:"job_id"`
		Status string          `json:"status"`
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}

	ask := func(resp *http.Response, err error) {
		t.Helper()

		if err != nil {
			t.Fatal(err)
		}

		text, err := io.ReadAll(resp.Body)
		if closing := resp.Body.Close(); err != nil || closing != nil || resp.StatusCode > 299 {
			t.Fatalf("status %d, %v: %s", resp.StatusCode, errors.Join(err, closing), text)
		}

		if err := json.Unmarshal(text, &job); err != nil {
			t.Fatal(err)
		}
	}
	ask(client.Post( //nolint:noctx,bodyclose // bounded by the client; closed above
		api+"/jobs/submit/container_list",
		"application/json",
		strings.NewReader(params),
	))

	for limit := time.Now().Add(5 * time.Minute); job.Status == "queued" || job.Status == "running"; {
		if time.Now().After(limit) {
			t.Fatalf("the job is still %s", job.Status)
		}

		ask(client.Get(api + "/jobs/status/" + job.JobID + "?wait=20s")) //nolint:noctx,bodyclose // as above
	}

	if job.Status != "completed" {
		t.Fatalf("the job is %s: %s", job.Status, job.Error)
	}

	if err := json.Unmarshal(job.Result, into); err != nil {
		t.Fatal(err)
	}
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMemory returns the peak resident memory of a process, as Linux reports
// it.
func peakMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}

	found := peakLine.FindSubmatch(text)
	if found == nil {
		return 0, errors.New("no VmHWM")
	}

	kB, err := strconv.ParseInt(string(found[1]), 10, 64)

	return kB << 10, err
}
