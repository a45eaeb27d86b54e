package database

import (
	"errors"
	"strings"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of tcp(7). Package syscall does not define
// it.
const tcpUserTimeout = 0x12

// control limits how long sent bytes can stay unacknowledged.
func control(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}

	var set error

	err := c.Control(func(fd uintptr) {
		set = syscall.SetsockoptInt(
			int(fd),
			syscall.IPPROTO_TCP,
			tcpUserTimeout,
			int(userTimeout.Milliseconds()),
		)
	})

	return errors.Join(err, set)
}
