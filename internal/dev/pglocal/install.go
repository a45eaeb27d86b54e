package pglocal

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

func aptUsable() bool {
	if os.Geteuid() != 0 {
		return false
	}

	_, err := exec.LookPath("apt-get")

	return err == nil
}

// clusterDropIn prevents the package from creating and starting a cluster. Only
// its programs are needed, not a service that outlives the run.
const clusterDropIn = "/etc/postgresql-common/createcluster.d/50-coremachine.conf"

// aptInstall installs the distribution's server. It takes about 30 s.
func aptInstall(ctx context.Context, log *slog.Logger) error {
	log.InfoContext(
		ctx,
		"no Postgres is installed: installing the distribution's postgresql package with apt-get",
	)

	if err := os.MkdirAll(filepath.Dir(clusterDropIn), 0o755); err != nil { //nolint:gosec // every user reads it
		return fmt.Errorf("pglocal: %w", err)
	}

	if err := os.WriteFile( //nolint:gosec // configuration that every user reads
		clusterDropIn,
		[]byte("create_main_cluster = false\n"),
		0o644,
	); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	return aptGet(ctx, "postgresql")
}

func aptGet(ctx context.Context, packages ...string) error {
	install := []string{"-q", "-y", "-o", "DPkg::Lock::Timeout=120", "install", "--no-install-recommends"}
	for _, args := range [][]string{
		{"-q", "-o", "DPkg::Lock::Timeout=120", "update"},
		append(install, packages...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)

		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("pglocal: apt-get %v: %w\n%s", args, err, tail(out))
		}
	}

	return nil
}

// downloaded returns the directory of the programs that embedded downloads.
func downloaded(cache string) string { return filepath.Join(cache, "embedded", "bin") }

// embedded downloads a build of Postgres to cache and returns the directory of
// its programs. The library cannot only download, so embedded starts and stops
// the server. Under root the start fails, but the programs are already
// extracted.
func embedded(ctx context.Context, log *slog.Logger, acct account, cache string) (string, error) {
	if err := acct.makePrivateDir(cache); err != nil {
		return "", err
	}

	bin := downloaded(cache)
	home := filepath.Dir(bin)

	if _, err := probe(ctx, bin); err == nil {
		return bin, nil
	}

	log.InfoContext(ctx, "no Postgres is installed: downloading one", "folder", home)
	config := embeddedpostgres.DefaultConfig().
		CachePath(filepath.Join(cache, "download")).
		BinariesPath(home).
		RuntimePath(filepath.Join(cache, "runtime")).
		DataPath(filepath.Join(cache, "runtime", "data")).
		Logger(io.Discard)
	db := embeddedpostgres.NewDatabase(config)

	startErr := db.Start()
	if startErr == nil {
		if err := db.Stop(); err != nil {
			return "", err
		}
	}

	if _, err := probe(ctx, bin); err != nil {
		if startErr != nil {
			return "", startErr
		}

		return "", err
	}

	return bin, os.RemoveAll(filepath.Join(cache, "runtime"))
}

// tail returns the end of a program's output, which usually contains the reason
// of a failure.
func tail(out []byte) []byte {
	const maxBytes = 2000
	if len(out) > maxBytes {
		return out[len(out)-maxBytes:]
	}

	return out
}
