package database

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Limits of a connection. The database ends a statement first; the client
// gives up soon after it, since an answer that is then not there will not come.
const (
	LockTimeout      = 5 * time.Second
	StatementTimeout = 10 * time.Second
	IdleTimeout      = 10 * time.Second // of a transaction between two statements

	silence     = StatementTimeout + 2*time.Second
	userTimeout = 10 * time.Second // unacknowledged bytes end a connection

	connectTimeout = 5 * time.Second
	pingTimeout    = 3 * time.Second
	acquireTimeout = 10 * time.Second
)

// dialer opens TCP connections whose death the kernel notices: it probes idle
// ones, and gives up bytes that the peer does not acknowledge.
func dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     userTimeout / 2,
			Interval: userTimeout / 4,
			Count:    2,
		},
		Control: control,
	}
}

// Dial opens a connection. Its reads and writes are bounded; dead is called
// when such a bound was reached.
func dial(dead func()) func(context.Context, string, string) (net.Conn, error) {
	d := dialer()

	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, fmt.Errorf("dial: %w", err)
		}

		return &wire{Conn: c, dead: dead, silence: silence, heard: time.Now()}, nil
	}
}
