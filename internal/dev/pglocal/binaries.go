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

// MinMajor is the oldest major version that the tests of the project run on.
const MinMajor = 15

// binaries is a directory with initdb, pg_ctl and postgres of one version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// searchPaths are patterns of directories in which packages install the server.
var searchPaths = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // RPMs of the PostgreSQL project
	"/usr/libexec/postgresql*",          // Alpine
	"/opt/homebrew/opt/postgresql*/bin", // Homebrew
	"/usr/local/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin", // built from source
	"/opt/postgresql*/bin",
}

// findBinaries returns the server in PGBIN or else PATH, or else the newest one
// that is installed. found is false if there is none.
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

	for _, pattern := range searchPaths {
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

// probe returns an error unless a directory contains the three programs in a
// supported version.
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
		return binaries{}, fmt.Errorf("postgres --version printed %q", out)
	}

	major, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return binaries{}, err
	}

	if major < MinMajor {
		return binaries{}, fmt.Errorf("the version %d of Postgres is not supported, the minimum is %d", major, MinMajor)
	}

	return binaries{dir: dir, major: major}, nil
}

// ensureBinaries finds a server or installs one: the distribution's package as
// root on Debian and Ubuntu, and otherwise a build that embedded-postgres
// downloads to cache.
func ensureBinaries(ctx context.Context, log *slog.Logger, acct account, cache string) (binaries, error) {
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
			"pglocal: the installed postgresql package contains no supported server",
		)
	}

	dir, err := embedded(ctx, log, acct, cache)
	if err != nil {
		return binaries{}, fmt.Errorf(
			"pglocal: no Postgres is installed (looked at PGBIN, PATH and %v), and none could be downloaded: %w; "+
				"install your system's postgresql package, or set DATABASE_URL to a server",
			searchPaths,
			err,
		)
	}

	return probe(ctx, dir)
}
