package database

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// ErrDead means that a peer did not answer in time. It does not implement
// net.Error, because pgx keeps a connection after a timeout and this connection
// is not usable any more.
var ErrDead = errors.New("the connection timed out: the database did not answer")

// wire is a connection whose reads and writes fail when the peer has been
// silent for too long. TCP does not detect every dead peer: a device between
// can acknowledge bytes that it never delivers.
type wire struct {
	net.Conn
	// dead is called when the peer has been silent for too long. It can be nil.
	dead func()

	mu sync.Mutex
	// answerTimeout limits how long the peer can be silent.
	answerTimeout time.Duration
	// deadline is the deadline that the owner set. Zero means none.
	deadline time.Time
	// lastRead is when the peer last sent something.
	lastRead time.Time
}

// SetDeadline sets the owner's deadline, in addition to the answer timeout.
func (w *wire) SetDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.deadline = t
	if t.IsZero() {
		t = time.Now().Add(w.answerTimeout) // for a call that waits now
	}

	return w.Conn.SetDeadline(t)
}

// Read waits for the peer until the answer timeout.
func (w *wire) Read(b []byte) (int, error) {
	w.limit(w.SetReadDeadline)

	n, err := w.Conn.Read(b)
	if n > 0 {
		w.mu.Lock()
		w.lastRead = time.Now()
		w.mu.Unlock()
	}

	return n, w.cause(err)
}

// writeChunk is what one wait of a write is for.
const writeChunk = 64 << 10

// Write waits for the peer as Read does, for each chunk: a slow network takes
// long for a large statement. Reads that wait meanwhile get as long again with
// each.
func (w *wire) Write(b []byte) (n int, err error) {
	for {
		chunk := b[n:min(n+writeChunk, len(b))]

		w.limit(w.SetWriteDeadline)

		if n > 0 {
			w.limit(w.SetReadDeadline)
		}

		written, err := w.Conn.Write(chunk)

		n += written
		if err != nil || n == len(b) {
			return n, w.cause(err)
		}
	}
}

// limit sets the deadline of the next read or write: the earlier of the owner's
// deadline and the answer timeout.
func (w *wire) limit(set func(time.Time) error) {
	w.mu.Lock()
	defer w.mu.Unlock()

	t := time.Now().Add(w.answerTimeout)
	if !w.deadline.IsZero() && w.deadline.Before(t) {
		t = w.deadline
	}

	_ = set(t) // the read or write that follows returns the error
}

// cause replaces the error of an exceeded deadline with ErrDead, unless the
// deadline is the owner's.
func (w *wire) cause(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}

	w.mu.Lock()
	ours := w.deadline.IsZero() || time.Now().Before(w.deadline)
	w.mu.Unlock()

	if !ours {
		return err
	}

	if w.dead != nil {
		w.dead()
	}

	return ErrDead
}

// idle returns the time since the peer last sent something.
func (w *wire) idle() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()

	return time.Since(w.lastRead)
}

// wireOf returns the wire below a connection and its TLS, or nil if there is
// none.
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
