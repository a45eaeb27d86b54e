package database

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// ErrDead reports a peer that did not answer in time. It is not a timeout in
// the sense of net.Error: pgx keeps a connection after a timeout, and this one
// is of no more use.
var ErrDead = errors.New("the connection is dead: the database did not answer in time")

// wire is a connection whose reads and writes end when the peer has been
// silent for too long. TCP does not notice every dead peer: a device between
// may acknowledge bytes that it never delivers.
type wire struct {
	net.Conn
	dead func() // called once a peer was silent; nil: no one is told

	mu      sync.Mutex
	silence time.Duration // how long an answer may take
	until   time.Time     // a deadline that the owner set; zero: none
	heard   time.Time     // when the peer last sent something
}

// SetDeadline sets the owner's deadline, next to the limit on silence.
func (w *wire) SetDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.until = t
	if t.IsZero() {
		t = time.Now().Add(w.silence) // of what waits at this moment
	}

	return w.Conn.SetDeadline(t)
}

// Read waits for the peer until its silence becomes too long.
func (w *wire) Read(b []byte) (int, error) {
	w.limit(w.SetReadDeadline)

	n, err := w.Conn.Read(b)
	if n > 0 {
		w.mu.Lock()
		w.heard = time.Now()
		w.mu.Unlock()
	}

	return n, w.cause(err)
}

// Write waits for the peer as Read does.
func (w *wire) Write(b []byte) (int, error) {
	w.limit(w.SetWriteDeadline)
	n, err := w.Conn.Write(b)

	return n, w.cause(err)
}

// limit sets a deadline for the next wait. The owner's own, if it comes first,
// is in force already.
func (w *wire) limit(set func(time.Time) error) {
	w.mu.Lock()
	defer w.mu.Unlock()

	t := time.Now().Add(w.silence)
	if !w.until.IsZero() && w.until.Before(t) {
		t = w.until
	}

	_ = set(t) // an error is that of the read or write that follows
}

// cause is ErrDead where the owner's deadline is not what ended a wait.
func (w *wire) cause(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}

	w.mu.Lock()
	ours := w.until.IsZero() || time.Now().Before(w.until)
	w.mu.Unlock()

	if !ours {
		return err
	}

	if w.dead != nil {
		w.dead()
	}

	return ErrDead
}

// idle is how long ago the peer sent something.
func (w *wire) idle() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()

	return time.Since(w.heard)
}

// wait changes how long an answer may take and returns the former limit.
func (w *wire) wait(d time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()

	old := w.silence
	w.silence = d

	return old
}

// wireOf finds the wire below a connection and its TLS; nil: it has none.
func wireOf(c net.Conn) *wire {
	for {
		switch at := c.(type) {
		case *wire:
			return at
		case interface{ NetConn() net.Conn }:
			c = at.NetConn()
		default:
			return nil
		}
	}
}
