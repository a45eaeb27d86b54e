package database

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Limits of a connection. The database ends a slow statement first. The client
// waits slightly longer, because after that an answer will not arrive.
const (
	LockTimeout      = 5 * time.Second
	StatementTimeout = 10 * time.Second
	// IdleTimeout limits the time between two statements of a transaction.
	IdleTimeout = 10 * time.Second

	answerTimeout = StatementTimeout + 2*time.Second
	// writeBuffer limits the bytes that the kernel has yet to send. The time for
	// them counts against answerTimeout, so it must not be long.
	writeBuffer = 512 << 10
	// userTimeout limits how long sent bytes stay unacknowledged.
	userTimeout = 10 * time.Second

	connectTimeout = 5 * time.Second
	pingTimeout    = 3 * time.Second
	acquireTimeout = 10 * time.Second
)

// dialer opens TCP connections whose failure the kernel detects: it probes idle
// connections, and ends a connection whose peer does not acknowledge bytes.
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

// dial returns a dial function for connections with bounded reads and writes. A
// connection calls dead when it exceeds such a bound.
func dial(dead func()) func(context.Context, string, string) (net.Conn, error) {
	d := dialer()

	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, fmt.Errorf("dial: %w", err)
		}

		if tcp, ok := c.(*net.TCPConn); ok {
			// On an error the system's own size stays.
			_ = tcp.SetWriteBuffer(writeBuffer)
		}

		return &wire{Conn: c, dead: dead, answerTimeout: answerTimeout, lastRead: time.Now()}, nil
	}
}
