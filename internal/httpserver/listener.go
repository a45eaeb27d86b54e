package httpserver

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// Listener limits the number of open connections. If all slots are in use,
// Accept closes the connection that has been idle for longest. If no connection
// is idle, it waits, and new connections wait in the backlog of the operating
// system.
type Listener struct {
	net.Listener
	writing time.Duration
	slots   chan struct{}
	closed  chan struct{}
	once    sync.Once

	mu sync.Mutex
	// idle starts with the connection that has been idle for longest.
	idle []net.Conn
}

// Limit limits the number of connections of a listener and the time of each
// write. A client that does not read its responses is disconnected.
func Limit(l net.Listener, connections int, writing time.Duration) *Listener {
	return &Listener{
		Listener: l, writing: writing, slots: make(chan struct{}, connections), closed: make(chan struct{}),
	}
}

// Accept waits for a slot and then for a connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	default:
		l.endIdle()

		select {
		case l.slots <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}

	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}

	return &conn{Conn: c, writing: l.writing, release: func() { <-l.slots }}, nil
}

// Close closes the listener and ends a waiting Accept.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// ConnState is a hook for http.Server. It tracks which connections are idle.
func (l *Listener) ConnState(c net.Conn, s http.ConnState) {
	l.mu.Lock()
	for i, one := range l.idle {
		if one == c {
			l.idle = append(l.idle[:i], l.idle[i+1:]...)
			break
		}
	}

	if s == http.StateIdle {
		l.idle = append(l.idle, c)
	}
	l.mu.Unlock()

	if s == http.StateIdle && len(l.slots) == cap(l.slots) {
		l.endIdle()
	}
}

// endIdle closes the connection that has been idle for longest, if there is
// one.
func (l *Listener) endIdle() {
	l.mu.Lock()
	defer l.mu.Unlock()

	if len(l.idle) == 0 {
		return
	}

	_ = l.idle[0].Close()
	l.idle = l.idle[1:]
}

// conn releases its slot when it is closed.
type conn struct {
	net.Conn
	writing time.Duration
	once    sync.Once
	release func()
}

// Write fails if it takes longer than the listener allows.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.writing)); err != nil {
		return 0, err
	}

	return c.Conn.Write(p)
}

// CloseWrite allows the server to end a response while the client still sends.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}

	return nil
}

// Close closes the connection and releases the slot once.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)

	return err
}
