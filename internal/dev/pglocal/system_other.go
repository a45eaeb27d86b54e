//go:build !unix

package pglocal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
)

// A local Postgres needs the accounts, locks and sessions of Unix. On other
// systems this package only builds, and the first lock reports errNotUnix.

var errNotUnix = fmt.Errorf("a local Postgres needs Linux or macOS; set DATABASE_URL: %w", errors.ErrUnsupported)

type credential struct{}

func newCredential(uint32, uint32) *credential { return nil }

func runAs(*exec.Cmd, *credential) {}

func ownSession(*exec.Cmd) {}

func owner(fs.FileInfo) (uid int, known bool) { return 0, false }

func exists(int) bool { return false }

func flock(*os.File, bool) (bool, error) { return false, errNotUnix }
