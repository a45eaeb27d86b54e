package pglocal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/clock"
	"coremachine/internal/test/needs"
)

// killedUser runs another process that starts the cluster, kills it, and
// returns the server that it left and its data directory.
func killedUser(t *testing.T, dir string) (left postmaster, data string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])

	cmd.Env = append(os.Environ(), userEnv+"="+dir)
	cmd.Stderr = os.Stderr

	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	line, readErr := bufio.NewReader(out).ReadString('\n')
	if _, err := fmt.Sscanf(line, "pid %d data %s", &left.pid, &data); err != nil {
		t.Errorf("the other process said %q (%v)", line, readErr)
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	_ = cmd.Wait() // it was killed

	return left, data
}

func useUntilKilled(dir string) {
	s, err := Start(context.Background(), Options{Dir: dir, InstalledOnly: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	_, _ = fmt.Fprintln(os.Stdout, "pid", s.PID(), "data", s.cluster.data())

	select {}
}

func newDir(t *testing.T) string {
	t.Helper()

	dir, err := os.MkdirTemp("", "pglocal-test-") //nolint:usetesting // t.TempDir is closed to the server's account
	if err != nil {
		t.Fatal(err)
	}

	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the server's account must enter it
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = os.RemoveAll(dir) })

	return dir + "/pg"
}

func start(t *testing.T, opts Options) *Server {
	t.Helper()

	opts.InstalledOnly = true

	s, err := Start(t.Context(), opts)
	needs.Installed(t, "Postgres", err, ErrNotInstalled)

	t.Cleanup(func() { stop(t, s) })

	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()

	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func query(t *testing.T, s *Server, sql string) string {
	t.Helper()

	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = conn.Close(context.Background()) }()

	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()

	answer := ""

	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}

		answer = fmt.Sprint(values[0])
	}

	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}

	return answer
}

func until(t *testing.T, done func() bool) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	for !done() {
		if !clock.Sleep(ctx, 10*time.Millisecond) {
			t.Fatal("it did not come about within a minute")
		}
	}
}
