package pglocal

import (
	"fmt"
	"path/filepath"
)

// The files of a cluster. All names contain the major version, because a data
// directory works with one version only. So two versions can run side by side
// in one home, each with its own users.

func (c *cluster) data() string { return c.file("data-%d") }

// startLock is the lock file that serializes start and stop.
func (c *cluster) startLock() string { return c.file("turn-%d.lock") }

// usersLock is the lock file that each user shares while it uses the server.
func (c *cluster) usersLock() string { return c.file("users-%d.lock") }

func (c *cluster) logFile() string { return c.file("server-%d.log") }

func (c *cluster) file(name string) string {
	return filepath.Join(c.home, fmt.Sprintf(name, c.bins.major))
}

// socketDir returns the directory of the unix socket. It is below home, unless
// that path is too long for the address of a socket (104 bytes on macOS, 108 on
// Linux).
func (c *cluster) socketDir() string {
	const maxPath = 103 - len("/"+socketName)
	if dir := c.file("run-%d"); len(dir) <= maxPath {
		return dir
	}

	return "/tmp/coremachine-pg-" + digest(c.file("run-%d"))
}
