package appzip_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coremachine/cmd/corectl/internal/appzip"
	"coremachine/internal/dev/devhost"
	"coremachine/internal/funchost"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	root     = "../../../.."
	maxBytes = 25 << 20
)

// TestPackageRunsFromAnEmptyFolder builds the package as make package does,
// checks its content, and runs the app that it contains.
func TestPackageRunsFromAnEmptyFolder(t *testing.T) {
	t.Parallel()
	file := build(t)
	folder := t.TempDir()
	unzip(t, file, folder)
	run(t, folder)
}

// build makes the package with corectl. It has no race detector, which would make
// the compression of the executable take a minute.
func build(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.zip")

	pack := exec.CommandContext(t.Context(), "go", "run", "-trimpath", "./cmd/corectl", "package", "--out", file)
	pack.Dir = root
	pack.Env = append(pack.Environ(), "CGO_ENABLED=0")

	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}

	t.Logf("the package has %.1f MB", float64(info.Size())/(1<<20))

	if info.Size() > maxBytes {
		t.Errorf("the package has %d bytes, over %d", info.Size(), maxBytes)
	}

	return file
}

// TestSameSourcesMakeTheSamePackage packs a small file as the executable, twice.
func TestSameSourcesMakeTheSamePackage(t *testing.T) {
	t.Parallel()

	executable := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(executable, bytes.Repeat([]byte("a program\n"), 10_000), 0o600); err != nil {
		t.Fatal(err)
	}

	var packages [2]bytes.Buffer
	for i := range packages {
		if err := appzip.Write(&packages[i], root, executable); err != nil {
			t.Fatal(err)
		}
	}

	if !bytes.Equal(packages[0].Bytes(), packages[1].Bytes()) {
		t.Error("two packages of the same sources differ")
	}

	file := filepath.Join(t.TempDir(), "app.zip")
	if err := os.WriteFile(file, packages[0].Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}

	folder := t.TempDir()
	unzip(t, file, folder)

	for source, packed := range map[string]string{
		executable:                       "handler",
		filepath.Join(root, "host.json"): "host.json",
	} {
		want, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}

		got, err := os.ReadFile(filepath.Join(folder, packed))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not packed unchanged: %v", packed, err)
		}
	}
}

func unzip(t *testing.T, file, folder string) {
	t.Helper()

	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = z.Close() }()

	want := map[string]fs.FileMode{"handler": 0o755, "host.json": 0o644}
	for _, f := range funchost.Functions {
		want[f.Name+"/function.json"] = 0o644
	}

	for _, entry := range z.File {
		mode, ok := want[entry.Name]
		if !ok || entry.Mode() != mode {
			t.Errorf("the package contains %s with mode %s", entry.Name, entry.Mode())
		}

		if fixed := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); !entry.Modified.Equal(fixed) {
			t.Errorf("the package contains %s of %s: it depends on the time of the build", entry.Name, entry.Modified)
		}

		delete(want, entry.Name)
		extract(t, entry, folder)
	}

	if len(want) > 0 {
		t.Errorf("the package lacks %v", want)
	}
}

func extract(t *testing.T, entry *zip.File, folder string) {
	t.Helper()

	r, err := entry.Open()
	if err != nil {
		t.Fatal(err)
	}

	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}

	to := filepath.Join(folder, filepath.Clean("/"+entry.Name))
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(to, b, entry.Mode()); err != nil {
		t.Fatal(err)
	}
}

// run starts the unzipped app under the local host and runs hello_world over
// HTTP.
func run(t *testing.T, folder string) {
	t.Helper()
	url := pgtest.URL(t)

	r, err := repo.Open(context.Background(), repo.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}

	q := pgqueue.New(r.Pool(), pgqueue.Options{})

	receivers := map[string]queue.Receiver{}
	for _, name := range state.Queues {
		receivers[name.String()] = q.Receiver(name)
	}

	host, err := devhost.New(devhost.Options{
		Root:      folder,
		Addr:      "127.0.0.1:0",
		Receivers: receivers,
		Env:       []string{"DATABASE_URL=" + url, "LOG_LEVEL=error"},
		Log:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}

	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := host.Stop(); err != nil {
			t.Error(err)
		}

		q.Close()
		r.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	ready(t, host)

	var job struct {
		JobID  string `json:"job_id"`
		Status state.JobStatus
	}
	call(t, http.MethodPost, host.URL()+"/jobs/submit/hello_world", `{"n":3}`, &job)
	call(t, http.MethodGet, fmt.Sprintf("%s/jobs/status/%s?wait=60s", host.URL(), job.JobID), "", &job)

	if job.Status != state.JobCompleted {
		t.Errorf("the job is %s", job.Status)
	}
}

func ready(t *testing.T, host *devhost.Host) {
	t.Helper()

	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	for {
		req, err := http.NewRequestWithContext(limit, http.MethodGet, host.URL()+"/health/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}

		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}

		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return
		}
	}
}

func call(t *testing.T, method, address, body string, into any) {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	req.Header.Set("Content-Type", "application/json")

	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = res.Body.Close() }()

	if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s answers %d, %v", method, address, res.StatusCode, err)
	}
}
