package coremachine_test

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/jackc/pgx/v5"
)

// cable is the connection between a process and the database. While it is cut,
// nothing passes and nothing is closed, as if a network dropped all packets: a
// read waits, a write seems to succeed, and a dial waits for its deadline.
type cable struct {
	mu    sync.Mutex
	cut   bool
	conns []*cutConn
}

// set cuts or repairs the cable. A repair resets the connections that were cut.
func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.cut = cut
	if cut {
		return
	}

	for _, conn := range c.conns {
		_ = conn.Close() // it may have been closed
	}

	c.conns = nil
}

func (c *cable) isCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.cut
}

// connect adds the cable to the connections of a process.
func (c *cable) connect(cc *pgx.ConnConfig) {
	dial := cc.DialFunc
	cc.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if c.isCut() {
			<-ctx.Done()
			return nil, errors.Join(errors.New("the cable is cut"), ctx.Err())
		}

		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}

		cut := &cutConn{Conn: conn, cable: c}
		c.mu.Lock()
		c.conns = append(c.conns, cut)
		c.mu.Unlock()

		return cut, nil
	}
}

// cutConn is one connection. Bytes that were lost during a cut stay lost, so
// the connection cannot be used afterwards.
type cutConn struct {
	net.Conn
	cable *cable

	mu     sync.Mutex
	broken bool
}

func (c *cutConn) dead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.broken = c.broken || c.cable.isCut()

	return c.broken
}

func (c *cutConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.dead() {
			return n, err
		}
	}
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.dead() {
		return len(b), nil
	}

	return c.Conn.Write(b)
}
