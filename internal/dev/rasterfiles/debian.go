package rasterfiles

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// unpackDebian downloads the version of a package that the release of this
// machine has, and unpacks it without an installation.
func unpackDebian(ctx context.Context, name, dir string) error {
	for _, program := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}

	err := run(ctx, dir, "apt-get", "-q", "download", name)
	if err != nil && os.Geteuid() == 0 { // the lists of packages may be missing
		err = errors.Join(
			run(ctx, dir, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", "update"),
			run(ctx, dir, "apt-get", "-q", "download", name),
		)
	}

	if err != nil {
		return err
	}

	archives, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("apt-get has downloaded %d packages, want 1: %w", len(archives), err)
	}

	return run(ctx, dir, "dpkg-deb", "-x", filepath.Base(archives[0]), ".")
}

func run(ctx context.Context, dir, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir

	cmd.Env = append(os.Environ(), "LC_ALL=C")

	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}

	return nil
}
