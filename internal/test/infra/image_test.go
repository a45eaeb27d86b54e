package infra

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/test/pgtest"
)

// maxImage is the limit of everything that the image adds to an empty one.
const maxImage = 40_000_000

// Environment of this test binary when it enters the image.
const (
	imageRoot = "INFRA_IMAGE"
	imageUser = "INFRA_IMAGE_USER"
)

var (
	goBuild = regexp.MustCompile(`(?m)^RUN CGO_ENABLED=0 go build (.*) -o (/\w+) (\./cmd/\w+)$`)
	copied  = regexp.MustCompile(`^COPY --from=build (\S+) (\S+)$`)
	runAs   = regexp.MustCompile(`^USER (\d+):(\d+)$`)
	starts  = regexp.MustCompile(`^ENTRYPOINT \["(/\w+)", "(\w+)"\]$`)
)

// TestImageRunsUnprivilegedOnAReadOnlyRoot assembles the image as the last stage of
// the Dockerfile does, without a container engine, and starts it: in a mount
// namespace of its own, whose root is the image and read-only, as the user of the
// Dockerfile. It signs in to Postgres with a role that has the rights of
// infra/sql/grants.sql only, answers its probes, runs a job, and stops in time. If
// the test does not run as root on Linux, it cannot change the root, and the
// executable runs with the account of the test.
func TestImageRunsUnprivilegedOnAReadOnlyRoot(t *testing.T) {
	t.Parallel()

	stage := readStage(t, repository(t)["Dockerfile"])
	image := assembleImage(t, stage)
	_, through := pgtest.NewProxy(t, roleWithGrants(t, pgtest.URL(t)))

	worker := exec.CommandContext(t.Context(), stage.entrypoint[0], stage.entrypoint[1:]...)
	worker.Dir = "/"
	worker.Env = []string{
		"DATABASE_URL=" + through, "DRAIN_TIMEOUT=2s", "PROBE_ADDRESS=127.0.0.1:0", "HTTP_ADDRESS=127.0.0.1:0",
	}

	if err := runIn(worker, image, stage.user); err != nil {
		t.Fatal(err)
	}

	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	var failure strings.Builder

	worker.Stderr = &failure

	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}

	probes, api, ended := addresses(t, out, &failure)

	until(t, "/livez", http.StatusOK, "http://"+probes+"/livez")
	until(t, "/readyz", http.StatusOK, "http://"+probes+"/readyz")
	runJob(t, "http://"+api)

	if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}

	<-ended // Wait closes the pipe

	if err := worker.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}

	http.DefaultClient.CloseIdleConnections()
}

// stage is what the last stage of the Dockerfile puts into the image, and how it
// starts.
type stage struct {
	build      []string // arguments of go build, and the package
	output     string   // of go build, in the first stage
	files      [][2]string
	user       int
	entrypoint []string
}

// readStage fails for an instruction that it does not know: the assembled image
// would differ from the one that a container engine builds.
func readStage(t *testing.T, dockerfile string) stage {
	t.Helper()

	var s stage

	command := goBuild.FindStringSubmatch(dockerfile)
	if command == nil {
		t.Fatal("the Dockerfile does not build a static executable")
	}

	s.build = append(strings.Split(command[1], `"`), command[3])
	s.output = command[2]

	_, last, empty := strings.Cut(dockerfile, "\nFROM scratch\n")
	if !empty || strings.Contains(last, "\nFROM ") {
		t.Fatal("the last stage of the Dockerfile is not an empty image")
	}

	for line := range strings.Lines(last) {
		line = strings.TrimSpace(line)

		if m := copied.FindStringSubmatch(line); m != nil {
			s.files = append(s.files, [2]string{m[1], m[2]})
		} else if m := runAs.FindStringSubmatch(line); m != nil && m[1] == m[2] {
			s.user, _ = strconv.Atoi(m[1])
		} else if m := starts.FindStringSubmatch(line); m != nil {
			s.entrypoint = m[1:]
		} else if line != "" {
			t.Fatalf("the Dockerfile has the instruction %q in its last stage, which this test does not know", line)
		}
	}

	if s.user == 0 || s.entrypoint == nil {
		t.Fatal("the Dockerfile names no user or no entrypoint")
	}

	return s
}

// assembleImage returns a folder with the content of the image. It takes the
// certificate authorities from this machine.
func assembleImage(t *testing.T, s stage) string {
	t.Helper()

	image := t.TempDir()
	size := int64(0)

	for _, file := range s.files {
		to := filepath.Join(image, file[1])
		if strings.HasSuffix(file[1], "/") {
			to = filepath.Join(to, filepath.Base(file[0]))
		}

		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // another user reads it
			t.Fatal(err)
		}

		if file[0] == s.output {
			build(t, s.build, to)
		} else if content, err := os.ReadFile(file[0]); err != nil {
			t.Fatal(err)
		} else if err := os.WriteFile(to, content, 0o644); err != nil { //nolint:gosec // another user reads it
			t.Fatal(err)
		}

		info, err := os.Stat(to)
		if err != nil {
			t.Fatal(err)
		}

		t.Logf("%s has %d bytes", file[1], info.Size())
		size += info.Size()
	}

	t.Logf("the image has %d bytes", size)

	if size > maxImage {
		t.Errorf("the image has %d bytes, want at most %d", size, maxImage)
	}

	if err := os.Chmod(image, 0o555); err != nil { //nolint:gosec // another user enters it
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = os.Chmod(image, 0o700) }) //nolint:gosec // so that it can be removed

	return image
}

// build builds the executable with the arguments of the Dockerfile.
func build(t *testing.T, arguments []string, to string) {
	t.Helper()

	args := []string{"build", "-o", to}

	for i, part := range arguments {
		if i%2 == 1 { // it was quoted
			args = append(args, part)
		} else {
			args = append(args, strings.Fields(part)...)
		}
	}

	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = root

	command.Env = append(os.Environ(), "CGO_ENABLED=0")

	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// addresses reads the addresses of the probes and of the API from the log. The
// channel is closed at the end of the log.
func addresses(t *testing.T, out io.Reader, failure fmt.Stringer) (probes, api string, ended chan struct{}) {
	t.Helper()

	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)

	for probes == "" || api == "" {
		if !lines.Scan() {
			t.Fatalf("the worker ended: %v %s", lines.Err(), failure)
		}

		var record struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &record) != nil {
			continue
		}

		switch record.Msg {
		case "probes started":
			probes = record.Address
		case "HTTP API started":
			api = record.Address
		}
	}

	ended = make(chan struct{})

	go func() {
		defer close(ended)

		for lines.Scan() { // so that the worker never waits for its log
			continue
		}
	}()

	return probes, api, ended
}

// until waits for a status.
func until(t *testing.T, what string, want int, address string) {
	t.Helper()

	for range 600 {
		if code, _ := call(t, http.MethodGet, address, ""); code == want {
			return
		}

		if !clock.Sleep(t.Context(), 100*time.Millisecond) {
			break
		}
	}

	t.Fatalf("%s was never answered with %d", what, want)
}

func call(t *testing.T, method, address, body string) (int, string) {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	req.Header.Set("Content-Type", "application/json")

	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()

	content, _ := io.ReadAll(res.Body)

	return res.StatusCode, string(content)
}

func runJob(t *testing.T, base string) {
	t.Helper()

	code, body := call(t, http.MethodPost, base+"/api/jobs/submit/hello_world", `{"n":3}`)

	var job struct {
		ID     string `json:"job_id"`
		Status string
	}
	if err := json.Unmarshal([]byte(body), &job); err != nil || code != http.StatusAccepted {
		t.Fatalf("submit: %d %s", code, body)
	}

	for range 20 {
		_, body = call(t, http.MethodGet, base+"/api/jobs/status/"+job.ID+"?wait=10s", "")
		if err := json.Unmarshal([]byte(body), &job); err == nil && job.Status == "completed" {
			return
		}
	}

	t.Fatalf("the job did not complete: %s", body)
}
