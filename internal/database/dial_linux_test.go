package database

import (
	"syscall"
	"testing"
	"time"
)

func TestDialSetsKernelTimeouts(t *testing.T) {
	t.Parallel()
	w, _ := pair(t, time.Minute, nil)

	raw, err := w.Conn.(syscall.Conn).SyscallConn() //nolint:forcetypeassert // a TCP connection has one
	if err != nil {
		t.Fatal(err)
	}

	for name, option := range map[string]struct{ level, name, want int }{
		"TCP_USER_TIMEOUT": {syscall.IPPROTO_TCP, tcpUserTimeout, 10_000},
		"SO_KEEPALIVE":     {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		"TCP_KEEPIDLE":     {syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 5},
	} {
		got, getErr := 0, error(nil)

		if err := raw.Control(
			func(fd uintptr) { got, getErr = syscall.GetsockoptInt(int(fd), option.level, option.name) },
		); err != nil {
			t.Fatal(err)
		}

		if getErr != nil || got != option.want {
			t.Errorf("%s is %d, want %d; %v", name, got, option.want, getErr)
		}
	}
}
