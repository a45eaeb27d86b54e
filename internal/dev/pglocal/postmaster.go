package pglocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// postmaster is the content of a postmaster.pid.
type postmaster struct {
	pid   int
	ready bool // accepts connections
}

// readPostmaster reads postmaster.pid. found is false if the file does not
// exist or is incomplete.
func readPostmaster(data string) (p postmaster, found bool, err error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return postmaster{}, false, nil
	}

	if err != nil {
		return postmaster{}, false, fmt.Errorf("pglocal: %w", err)
	}

	lines := strings.Split(string(text), "\n")

	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 0 {
		return postmaster{}, false, nil //nolint:nilerr // an incomplete file counts as missing
	}

	const statusLine = 7

	ready := len(lines) > statusLine && strings.TrimSpace(lines[statusLine]) == "ready"

	return postmaster{pid: pid, ready: ready}, true, nil
}

// runs reports whether the process is a Postgres on that data directory. The
// PID alone is not sufficient, because another program may have it now. A
// signal is not sufficient either, because a zombie process accepts signals.
func (p postmaster) runs(ctx context.Context, data string) bool {
	if !exists(p.pid) {
		return false
	}

	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid)); err == nil {
		return slices.Contains(strings.Split(string(line), "\x00"), data)
	}

	out, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "command=", "-p", strconv.Itoa(p.pid)).Output()

	return err == nil && strings.Contains(string(out), data)
}

// clearStale prevents a stale postmaster.pid from blocking the next start.
// Postgres itself detects a PID that does not exist, but not one that another
// program has. Therefore clearStale keeps the file and replaces the PID by an
// impossible one. With the other lines Postgres checks that no orphaned backend
// uses the data.
func clearStale(data, socketDir string) error {
	path := filepath.Join(data, "postmaster.pid")

	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pglocal: %w", err)
	}

	if err == nil {
		const nobodysPID = "2147483647"

		_, rest, _ := strings.Cut(string(text), "\n")

		file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return fmt.Errorf("pglocal: %w", err)
		}

		_, writeErr := file.WriteString(nobodysPID + "\n" + rest)
		if err := errors.Join(writeErr, file.Close()); err != nil {
			return fmt.Errorf("pglocal: %w", err)
		}
	}

	err = os.Remove(filepath.Join(socketDir, socketName+".lock"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pglocal: %w", err)
	}

	return nil
}
