package npm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"coremachine/internal/clock"
)

// Options configures Install.
type Options struct {
	// Dir is the work directory, which is created if necessary. It keeps the
	// install.
	Dir string
	// Recipe contains package.json, package-lock.json and the files next to
	// them.
	Recipe fs.FS
	// InstalledOnly makes Install return ErrNotInstalled instead of running npm,
	// for tests.
	InstalledOnly bool
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// ErrNotInstalled means that Install found no install of the recipe and may not
// create one.
var ErrNotInstalled = errors.New("npm: the packages are not installed")

// installTimeout limits an install, because npm retries for a long time without
// a network.
const installTimeout = 10 * time.Minute

// Install returns the directory of an install of this recipe, and creates it if
// necessary.
func Install(ctx context.Context, o Options) (string, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}

	name, err := digest(o.Recipe)
	if err != nil {
		return "", err
	}

	home := filepath.Join(o.Dir, name)
	if _, err := os.Stat(home); err == nil {
		return home, ensureNode(ctx, o)
	}

	if o.InstalledOnly {
		return "", ErrNotInstalled
	}

	if err := os.MkdirAll(o.Dir, 0o755); err != nil { //nolint:gosec // every account may run the programs
		return "", fmt.Errorf("npm: %w", err)
	}

	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()

	unlock, err := lock(ctx, filepath.Join(o.Dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()

	if err := ensureNode(ctx, o); err != nil {
		return "", err
	}

	if _, err := os.Stat(home); err == nil { // created while this process waited
		return home, nil
	}

	o.Log.WarnContext(ctx, "packages are not installed yet: installing them with npm", "folder", home)

	return home, fetch(ctx, o, home)
}

// fetch installs into a temporary directory and renames it, so that the final
// one is always complete.
func fetch(ctx context.Context, o Options, home string) error {
	part, err := os.MkdirTemp(o.Dir, "part-*")
	if err != nil {
		return fmt.Errorf("npm: %w", err)
	}
	defer func() { _ = os.RemoveAll(part) }() // does not exist after a success

	if err = os.CopyFS(part, o.Recipe); err == nil {
		err = os.Chmod(part, 0o755) //nolint:gosec // as above
	}

	if err != nil {
		return fmt.Errorf("npm: %w", err)
	}
	// The install scripts are not needed and do not run.
	cmd := exec.CommandContext(
		ctx,
		"npm",
		"ci",
		"--omit=dev",
		"--ignore-scripts",
		"--no-audit",
		"--no-fund",
		"--no-update-notifier",
	)

	cmd.Dir = part
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm: npm ci: %w\n%s", err, tail(out))
	}

	if err := os.Rename(part, home); err != nil {
		return fmt.Errorf("npm: %w", err)
	}

	return nil
}

// digest identifies an install by its recipe.
func digest(recipe fs.FS) (string, error) {
	sum := sha256.New()

	err := fs.WalkDir(recipe, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}

		text, err := fs.ReadFile(recipe, path)
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text) // writing to a hash does not fail

		return err
	})
	if err != nil {
		return "", fmt.Errorf("npm: %w", err)
	}

	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// ensureNode installs node and npm as root on Debian and Ubuntu. On other
// systems they must be installed.
func ensureNode(ctx context.Context, o Options) error {
	if have("node") && have("npm") {
		return nil
	}

	if os.Geteuid() != 0 || !have("apt-get") {
		return errors.New("npm: node and npm are needed: install Node.js 18 or later")
	}

	o.Log.WarnContext(ctx, "Node.js is not installed: installing the distribution's packages with apt-get")

	for _, args := range [][]string{{"update"}, {"install", "--no-install-recommends", "nodejs", "npm"}} {
		if err := apt(ctx, args); err != nil {
			return err
		}
	}

	return nil
}

// apt runs apt-get, and retries while another process has the lock.
func apt(ctx context.Context, args []string) error {
	for {
		cmd := exec.CommandContext(
			ctx,
			"apt-get",
			append([]string{"-q", "-y", "-o", "DPkg::Lock::Timeout=120"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")

		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}

		if !strings.Contains(string(out), "Could not get lock") {
			return fmt.Errorf("npm: apt-get %v: %w\n%s", args, err, tail(out))
		}

		if !clock.Sleep(ctx, time.Second) {
			return fmt.Errorf("npm: %w", ctx.Err())
		}
	}
}

func have(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// tail returns the end of a program's output, which usually contains the reason
// of a failure.
func tail(out []byte) []byte { return out[max(0, len(out)-2000):] }

// lock waits for a lock that ends with the process.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644) //nolint:gosec // other accounts use the same lock
	if err != nil {
		return nil, fmt.Errorf("npm: %w", err)
	}

	for {
		got, err := flock(file)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("npm: lock %s: %w", path, err), file.Close())
		}

		if got {
			return func() { _ = file.Close() }, nil
		}

		if !clock.Sleep(ctx, 50*time.Millisecond) {
			return nil, errors.Join(fmt.Errorf("npm: %w", ctx.Err()), file.Close())
		}
	}
}
