package pglocal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"coremachine/internal/test/needs"
)

// TestVersionsShareADirectory starts the installed server, and next to it one
// that says it is of another version, in one directory.
func TestVersionsShareADirectory(t *testing.T) {
	installed, found, err := findBinaries(t.Context())
	if err == nil && !found {
		err = ErrNotInstalled
	}

	needs.Installed(t, "Postgres", err, ErrNotInstalled)

	dir := newDir(t)
	first := start(t, Options{Dir: dir})

	t.Setenv("PGBIN", pretend(t, installed, 99))

	second := start(t, Options{Dir: dir})
	if !second.Started() {
		t.Error("the other version joined the running server")
	}

	for server, want := range map[*Server]string{
		first:  fmt.Sprintf("%s/data-%d", dir, installed.major),
		second: dir + "/data-99",
	} {
		if got := query(t, server, "show data_directory"); got != want {
			t.Errorf("data_directory: got %s, want %s", got, want)
		}
	}

	stop(t, second)

	if pid := second.PID(); pid != 0 {
		t.Errorf("pid after the last Stop of one version: got %d, want 0", pid)
	}

	query(t, first, "select 1")
}

// pretend returns a directory with the programs of a server, of which postgres
// says that it is of another major version.
func pretend(t *testing.T, b binaries, major int) string {
	t.Helper()

	dir := newDir(t)
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // the server's account must enter it
		t.Fatal(err)
	}

	var errs []error

	for program, script := range map[string]string{
		"initdb":   `exec "%s" "$@"`,
		"pg_ctl":   `exec "%s" "$@"`,
		"postgres": fmt.Sprintf("echo 'postgres (PostgreSQL) %d.1' # not %%s", major),
	} {
		text := "#!/bin/sh\n" + fmt.Sprintf(script, b.path(program)) + "\n"
		errs = append(errs, os.WriteFile( //nolint:gosec // it is an executable
			filepath.Join(dir, program), []byte(text), 0o755,
		))
	}

	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}

	return dir
}
