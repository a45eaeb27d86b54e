package pglocal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// minMajor is the oldest server whose SQL the project uses.
const minMajor = 14

// binaries is a folder that holds initdb, pg_ctl and postgres of one version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// places lists the folders where packagers put the server, as patterns.
var places = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // the project's RPMs
	"/usr/libexec/postgresql*",          // Alpine
	"/opt/homebrew/opt/postgresql*/bin", // Homebrew
	"/usr/local/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin", // built from source
	"/opt/postgresql*/bin",
}

// findBinaries returns the newest server installed. The folder named by PGBIN
// wins, then PATH. found is false where there is none.
func findBinaries(ctx context.Context) (b binaries, found bool, err error) {
	if dir := os.Getenv("PGBIN"); dir != "" {
		b, err := probe(ctx, dir)
		if err != nil {
			return binaries{}, false, fmt.Errorf("pglocal: PGBIN=%s: %w", dir, err)
		}

		return b, true, nil
	}

	if path, err := exec.LookPath("postgres"); err == nil {
		if file, err := filepath.EvalSymlinks(path); err == nil {
			if b, err := probe(ctx, filepath.Dir(file)); err == nil {
				return b, true, nil
			}
		}
	}

	var all []binaries

	for _, pattern := range places {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			return binaries{}, false, fmt.Errorf("pglocal: %w", err)
		}

		for _, dir := range dirs {
			if b, err := probe(ctx, dir); err == nil {
				all = append(all, b)
			}
		}
	}

	if len(all) == 0 {
		return binaries{}, false, nil
	}

	return slices.MaxFunc(all, func(a, b binaries) int { return cmp.Compare(a.major, b.major) }), true, nil
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// probe accepts a folder that holds the three programs, at a version that the
// project works with.
func probe(ctx context.Context, dir string) (binaries, error) {
	for _, program := range []string{"initdb", "pg_ctl", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, program))
		if err != nil {
			return binaries{}, err
		}

		if info.IsDir() {
			return binaries{}, fmt.Errorf("%s is a folder", program)
		}
	}

	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("postgres --version: %w", err)
	}

	match := versionPattern.FindSubmatch(out)
	if match == nil {
		return binaries{}, fmt.Errorf("postgres --version says %q", out)
	}

	major, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return binaries{}, err
	}

	if major < minMajor {
		return binaries{}, fmt.Errorf("it is Postgres %d, and %d is the oldest that will do", major, minMajor)
	}

	return binaries{dir: dir, major: major}, nil
}

// needBinaries finds a server or gets one: the distribution's package as root
// on Debian and Ubuntu, else the build that embedded-postgres downloads into
// cache.
func needBinaries(ctx context.Context, log *slog.Logger, acct account, cache string) (binaries, error) {
	b, found, err := findBinaries(ctx)
	if err != nil || found {
		return b, err
	}

	if aptUsable() {
		if err := aptInstall(ctx, log); err != nil {
			return binaries{}, err
		}

		if b, found, err = findBinaries(ctx); err != nil || found {
			return b, err
		}

		return binaries{}, errors.New(
			"pglocal: the postgresql package is installed and holds no server that will do",
		)
	}

	dir, err := embedded(ctx, log, acct, cache)
	if err != nil {
		return binaries{}, fmt.Errorf(
			"pglocal: no Postgres is installed (looked at PGBIN, PATH and %v), and none could be downloaded: %w; "+
				"install your system's postgresql package, or set DATABASE_URL to a server",
			places,
			err,
		)
	}

	return probe(ctx, dir)
}
