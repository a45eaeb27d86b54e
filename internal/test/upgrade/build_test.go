package upgrade

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/repotest"
)

func TestMain(m *testing.M) {
	repotest.BuildAsDelivered()
	pgtest.WaitBound(4) // for retries of tasks
	pgtest.Main(m)
}

// The last release. After a release, set both to it.
const (
	release       = "v0.1.0"
	releaseCommit = "c2ad2a7b73f9b37bc4a2f7ea1d2ca2083421bed4"
)

// buildWithin limits one build on a slow machine whose build cache is empty.
const buildWithin = 10 * time.Minute

var errNoHistory = errors.New("the commit of the last release is not in this clone")

// released returns the handler of the last release. If the clone does not
// contain its commit, released returns errNoHistory.
var released = sync.OnceValues(func() (string, error) {
	root, err := repotest.Root()
	if err != nil {
		return "", err
	}

	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()

	path := filepath.Join(root, ".local", "upgrade", "handler-"+releaseCommit)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}

	if err := run(ctx, root, "git", "cat-file", "-e", releaseCommit+"^{commit}"); err != nil {
		return "", errNoHistory
	}

	source, err := os.MkdirTemp("", "release-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(source) }()

	archive := filepath.Join(source, "release.tar")
	if err := run(ctx, root, "git", "archive", "--output", archive, releaseCommit); err != nil {
		return "", err
	}

	if err := run(ctx, source, "tar", "-xf", archive); err != nil {
		return "", err
	}

	return path, build(ctx, source, path, release)
})

// current returns the handler of this build.
var current = sync.OnceValues(func() (string, error) {
	root, err := repotest.Root()
	if err != nil {
		return "", err
	}

	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()

	path := filepath.Join(root, ".local", "upgrade", "handler-current")

	return path, build(ctx, root, path, "current")
})

// build writes the handler of a source tree to path. It replaces the file
// atomically, because another test run may be using it.
func build(ctx context.Context, source, path, version string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // build output for all users
		return err
	}

	part := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer func() { _ = os.Remove(part) }() // after a success, the file no longer exists

	// go build does not link again if the file is already up to date.
	if last, err := os.ReadFile(path); err == nil {
		if err := os.WriteFile(part, last, 0o755); err != nil { //nolint:gosec // it is executed
			return err
		}
	}

	if err := run(ctx, source, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X coremachine/internal/app.release="+version, "-o", part, "./cmd/handler"); err != nil {
		return err
	}

	return os.Rename(part, path)
}

func run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")

	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %q: %w\n%s", name, args, err, bytes.TrimSpace(out))
	}

	return nil
}

// handlers returns the handlers of the release and of this build. ok is false
// if the clone has no history. In that case the test ends, and fails in the
// workflow, which fetches all of it.
func handlers(t *testing.T) (old, now string, ok bool) {
	t.Helper()

	old, err := released()
	if errors.Is(err, errNoHistory) && os.Getenv("GITHUB_ACTIONS") != "true" { // there ci.yml fetches it
		t.Logf("not tested, because %v. Run git fetch --unshallow, then: go test ./internal/test/upgrade -run %s",
			err, t.Name())

		return "", "", false
	}

	if err != nil {
		t.Fatal(err)
	}

	now, err = current()
	if err != nil {
		t.Fatal(err)
	}

	return old, now, true
}
