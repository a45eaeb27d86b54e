package pglocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
)

// account is the operating system account that runs the server's programs.
type account struct {
	name string
	cred *credential // nil means the account of this process
	uid  int
	gid  int
}

// serverAccount returns the current account. Postgres rejects root. Under root,
// serverAccount returns the first existing account of "postgres" and "nobody".
func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{name: strconv.Itoa(os.Geteuid()), uid: os.Geteuid(), gid: os.Getegid()}, nil
	}

	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}

		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil || uid == 0 {
			continue
		}

		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}

		return account{
			name: name, uid: int(uid), gid: int(gid),
			cred: newCredential(uint32(uid), uint32(gid)),
		}, nil
	}

	return account{}, errors.New(
		"pglocal: Postgres does not run as root, and there is no postgres or nobody account to run it",
	)
}

// command prepares a program to run as the account. It does not use the
// caller's working directory, because the account may not be able to enter it.
// The environment does not contain the caller's PG* variables.
func (a account) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	runAs(cmd, a.cred)

	return cmd
}

// canEnter reports whether the account can enter a directory and all its
// parents.
func (a account) canEnter(ctx context.Context, dir string) bool {
	return a.command(ctx, "/bin/sh", "-c", `cd -- "$1"`, "sh", dir).Run() == nil
}

// makePrivateDir creates a directory that belongs to the account and that other
// accounts cannot enter. It rejects an existing directory of another account,
// which may have been planted.
func (a account) makePrivateDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // the account must enter it
		return fmt.Errorf("pglocal: %w", err)
	}

	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("pglocal: %w", err)
	}

	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	if !info.IsDir() {
		return fmt.Errorf("pglocal: %s is not a folder", dir)
	}

	if uid, ok := owner(info); ok && uid != a.uid {
		if uid != os.Geteuid() {
			return fmt.Errorf("pglocal: %s belongs to user %d, not to %s", dir, uid, a.name)
		}

		if err := os.Chown(dir, a.uid, a.gid); err != nil {
			return fmt.Errorf("pglocal: %w", err)
		}
	}

	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder needs its x bit
		return fmt.Errorf("pglocal: %w", err)
	}

	return nil
}
