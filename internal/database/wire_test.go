package database

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// pair returns a wire over TCP and its peer. The peer sends nothing by itself.
func pair(t *testing.T, answerTimeout time.Duration, dead func()) (*wire, net.Conn) {
	t.Helper()

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = l.Close() }()

	c, err := dial(dead)(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}

	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _, _ = c.Close(), peer.Close() })

	w := wireOf(c)
	w.mu.Lock()
	w.answerTimeout = answerTimeout
	w.mu.Unlock()

	return w, peer
}

func TestReadEndsWhenPeerIsSilent(t *testing.T) {
	t.Parallel()

	deadCalls := 0
	w, peer := pair(t, 20*time.Millisecond, func() { deadCalls++ })

	limit := time.AfterFunc(20*time.Second, func() { _ = peer.Close() }) // so that a Read without end fails
	defer limit.Stop()

	_, err := w.Read(make([]byte, 1))

	var network net.Error
	if !errors.Is(err, ErrDead) || errors.As(err, &network) || deadCalls != 1 {
		t.Errorf(
			"Read returned %v and called dead %d times, want ErrDead, not a net.Error, and one call",
			err,
			deadCalls,
		)
	}
}

func TestWriteEndsWhenPeerDoesNotRead(t *testing.T) {
	t.Parallel()

	w, _ := pair(t, 50*time.Millisecond, nil)
	for {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			if !errors.Is(err, ErrDead) {
				t.Errorf("Write returned %v, want ErrDead", err)
			}

			return
		}
	}
}

func TestOwnersDeadlineIsNotErrDead(t *testing.T) {
	t.Parallel()
	w, peer := pair(t, time.Hour, func() { t.Error("dead was called") })

	ended := make(chan error, 1)
	go func() {
		_, err := w.Read(make([]byte, 1))
		ended <- err
	}()

	if err := w.SetDeadline(time.Now().Add(-time.Second)); err != nil { // like pgx when a context ends
		t.Fatal(err)
	}

	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read returned %v, want the owner's deadline", err)
	}

	if err := w.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}

	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}

	if _, err := w.Read(make([]byte, 1)); err != nil {
		t.Errorf("Read after clearing the deadline: %v", err)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, err := dial(nil)(ctx, "tcp", "127.0.0.1:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("dial returned %v, want context.Canceled", err)
	}
}

// TestSlowWriteIsNotSilence sends more than the network takes within the limit
// on silence, while a read waits as the driver's does.
func TestSlowWriteIsNotSilence(t *testing.T) {
	t.Parallel()

	const silence = 2 * time.Second

	w, peer := pair(t, silence, func() { t.Error("the connection was taken for dead") })

	read := make(chan error, 1)
	go func() {
		_, err := w.Read(make([]byte, 1))
		read <- err
	}()

	const size = 24 << 20
	go func() {
		buf := make([]byte, size/20)
		for range 20 {
			if _, err := io.ReadFull(peer, buf); err != nil {
				return
			}

			<-time.After(silence / 8)
		}

		_, _ = peer.Write([]byte{1})
	}()

	begin := time.Now()
	if _, err := w.Write(make([]byte, size)); err != nil {
		t.Fatalf("the write failed after %s: %v", time.Since(begin), err)
	}

	if err := <-read; err != nil {
		t.Errorf("the read failed: %v", err)
	}

	if took := time.Since(begin); took <= silence {
		t.Errorf("the write took %s, want more than %s", took, silence)
	}
}
