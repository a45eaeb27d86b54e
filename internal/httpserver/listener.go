package httpserver

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// Listener hands out at most a number of connections at once. Where they are
// all in use it ends the connection that has been idle for longest, and else
// waits: what is not accepted waits in the backlog of the system.
type Listener struct {
	net.Listener
	writing time.Duration
	slots   chan struct{}
	closed  chan struct{}
	once    sync.Once

	mu   sync.Mutex
	idle []net.Conn // the longest first
}

// Limit bounds the connections of a listener, and the time of each write to
// one of them: a client that does not read its answers is not kept.
func Limit(l net.Listener, connections int, writing time.Duration) *Listener {
	return &Listener{
		Listener: l, writing: writing, slots: make(chan struct{}, connections), closed: make(chan struct{}),
	}
}

// Accept waits for a slot, then for a connection.
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

// Close ends waiting too.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// ConnState is the server's hook of that name: it says which connections are
// idle.
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

// endIdle ends the connection that has been idle for longest, if any is.
func (l *Listener) endIdle() {
	l.mu.Lock()
	defer l.mu.Unlock()

	if len(l.idle) == 0 {
		return
	}

	_ = l.idle[0].Close() // what it says does not matter: it is over
	l.idle = l.idle[1:]
}

// conn gives back its slot when it is closed.
type conn struct {
	net.Conn
	writing time.Duration
	once    sync.Once
	release func()
}

// Write must end within the listener's time.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.writing)); err != nil {
		return 0, err
	}

	return c.Conn.Write(p)
}

// CloseWrite lets the server end an answer while the client still sends.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}

	return nil
}

// Close closes the connection once.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)

	return err
}
