package infra

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"coremachine/internal/clock"
	"coremachine/internal/test/pgtest"
)

// maxExecutable is the limit of the image: it contains one executable, and
// certificate authorities of 0.2 MB.
const maxExecutable = 40 << 20

// unprivileged is the user of the Dockerfile.
const unprivileged = 65532

var goBuild = regexp.MustCompile(`CGO_ENABLED=0 go build (.*) -o /handler (\./cmd/handler)`)

// TestImageRunsUnprivilegedOnAReadOnlyRoot builds the executable as the Dockerfile
// does, and starts it as the unprivileged user in a root that contains nothing
// else and that this user cannot write to. It signs in to Postgres with a role that
// has the rights of infra/sql/grants.sql only, answers its probes, runs a job, and
// stops in time. If the test does not run as root, it cannot change the root, and
// the executable runs with the account of the test.
func TestImageRunsUnprivilegedOnAReadOnlyRoot(t *testing.T) {
	t.Parallel()

	image := buildImage(t, repository(t)["Dockerfile"])
	_, through := pgtest.NewProxy(t, roleWithGrants(t, pgtest.URL(t)))

	worker := exec.CommandContext(t.Context(), "/handler", "worker")
	worker.Dir = "/"
	worker.Env = []string{
		"DATABASE_URL=" + through, "DRAIN_TIMEOUT=2s", "PROBE_ADDRESS=127.0.0.1:0", "HTTP_ADDRESS=127.0.0.1:0",
	}

	if os.Geteuid() == 0 {
		worker.SysProcAttr = &syscall.SysProcAttr{
			Chroot: image, Credential: &syscall.Credential{Uid: unprivileged, Gid: unprivileged},
		}
	} else {
		worker.Path = filepath.Join(image, "handler")
	}

	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}

	probes, api, ended := addresses(t, out)

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

// buildImage returns a folder with the content of the image, except for the
// certificate authorities.
func buildImage(t *testing.T, dockerfile string) string {
	t.Helper()

	command := goBuild.FindStringSubmatch(dockerfile)
	if command == nil || !strings.Contains(dockerfile, "\nFROM scratch\n") ||
		!strings.Contains(dockerfile, `ENTRYPOINT ["/handler"`) {
		t.Fatal("the Dockerfile does not copy a static executable into an empty image")
	}

	image := t.TempDir()

	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w",
		"-o", filepath.Join(image, "handler"), command[2])
	if got := `-trimpath -ldflags "-s -w"`; got != command[1] {
		t.Fatalf("the Dockerfile builds with %s, this test with %s", command[1], got)
	}

	build.Dir = root

	build.Env = append(os.Environ(), "CGO_ENABLED=0")

	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	info, err := os.Stat(filepath.Join(image, "handler"))
	if err != nil {
		t.Fatal(err)
	}

	t.Logf("the executable has %.1f MB", float64(info.Size())/(1<<20))

	if info.Size() > maxExecutable {
		t.Errorf("the executable has %d bytes, want at most %d", info.Size(), maxExecutable)
	}

	if err := os.Chmod(image, 0o555); err != nil { //nolint:gosec // another user enters it
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = os.Chmod(image, 0o700) }) //nolint:gosec // so that it can be removed

	return image
}

// addresses reads the addresses of the probes and of the API from the log. The
// channel is closed at the end of the log.
func addresses(t *testing.T, out io.Reader) (probes, api string, ended chan struct{}) {
	t.Helper()

	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)

	for probes == "" || api == "" {
		if !lines.Scan() {
			t.Fatalf("the worker ended: %v", lines.Err())
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

// roleWithGrants creates a role for the schema of an address, with the rights of
// infra/sql/grants.sql, and returns the address with that role.
func roleWithGrants(t *testing.T, address string) string {
	t.Helper()

	content, err := os.ReadFile(filepath.Join(root, "infra/sql/grants.sql"))
	if err != nil {
		t.Fatal(err)
	}

	admin, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = admin.Close(context.Background()) })

	var schema string
	if err := admin.QueryRow(t.Context(), "select current_schema()").Scan(&schema); err != nil {
		t.Fatal(err)
	}

	role := schema + "_app"
	within := pgx.Identifier{schema}.Sanitize()
	grants := strings.NewReplacer("schema public", "schema "+within, `:"name"`, pgx.Identifier{role}.Sanitize()).
		Replace(string(content))

	for _, statement := range []string{
		"create role " + pgx.Identifier{role}.Sanitize() + " login",
		"alter role " + pgx.Identifier{role}.Sanitize() + " set search_path = " + within,
		grants,
		"create table later (id bigint generated always as identity)",
	} {
		if _, err := admin.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}

	t.Cleanup(func() {
		for _, statement := range []string{"drop owned by ", "drop role "} {
			if _, err := admin.Exec(context.Background(), statement+pgx.Identifier{role}.Sanitize()); err != nil {
				t.Error(err)
			}
		}
	})

	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}

	u.User = url.User(role)

	return u.String()
}

// TestGrantsPermitRowsAndNotTheSchema tries what the role of the app may and may
// not do.
func TestGrantsPermitRowsAndNotTheSchema(t *testing.T) {
	t.Parallel()

	app, err := pgx.Connect(t.Context(), roleWithGrants(t, pgtest.URL(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close(t.Context()) }()

	for statement, permitted := range map[string]bool{
		"delete from jobs where false":                                true,
		"insert into later default values":                            true, // created after the grants
		"create table own (id int)":                                   false,
		"alter table jobs add column x int":                           false,
		"drop table jobs":                                             false,
		"truncate jobs cascade":                                       false,
		"create function f() returns int return 1":                    false,
		"create index x on jobs (job_id)":                             false,
		"create trigger x before insert on jobs execute function f()": false,
	} {
		_, err := app.Exec(t.Context(), statement)

		refused, is := errors.AsType[*pgconn.PgError](err)
		if permitted && err != nil || !permitted && (!is || refused.Code != "42501") {
			t.Errorf("%s: %v, want permitted: %t", statement, err, permitted)
		}
	}
}
