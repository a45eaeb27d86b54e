package database

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// pair is a wire over TCP and its peer, which sends nothing by itself.
func pair(t *testing.T, silence time.Duration, dead func()) (*wire, net.Conn) {
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
	w.wait(silence)

	return w, peer
}

func TestASilentPeerEndsARead(t *testing.T) {
	t.Parallel()

	told := 0
	w, _ := pair(t, 20*time.Millisecond, func() { told++ })
	_, err := w.Read(make([]byte, 1))

	var network net.Error
	if !errors.Is(err, ErrDead) || errors.As(err, &network) || told != 1 {
		t.Errorf(
			"the read ended with %v, reported %d times; want a dead connection that is no timeout, reported once",
			err,
			told,
		)
	}
}

func TestAPeerThatDoesNotReadEndsAWrite(t *testing.T) {
	t.Parallel()

	w, _ := pair(t, 50*time.Millisecond, nil)
	for {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			if !errors.Is(err, ErrDead) {
				t.Errorf("the write ended with %v", err)
			}

			return
		}
	}
}

func TestTheOwnersDeadlineIsItsOwn(t *testing.T) {
	t.Parallel()
	w, peer := pair(t, time.Hour, func() { t.Error("the peer counts as dead") })

	ended := make(chan error, 1)
	go func() {
		_, err := w.Read(make([]byte, 1))
		ended <- err
	}()

	if err := w.SetDeadline(time.Now().Add(-time.Second)); err != nil { // as pgx does when a context ends
		t.Fatal(err)
	}

	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the read ended with %v, want the owner's deadline", err)
	}

	if err := w.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}

	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}

	if _, err := w.Read(make([]byte, 1)); err != nil {
		t.Errorf("a read after it: %v", err)
	}
}

func TestPatienceIsForOneStatement(t *testing.T) {
	t.Parallel()

	w, _ := pair(t, time.Minute, nil)
	if old := w.wait(time.Hour); old != time.Minute {
		t.Errorf("the former limit is %s", old)
	}

	if old := w.wait(time.Minute); old != time.Hour {
		t.Errorf("the changed limit is %s", old)
	}
}

func TestDialingOutlastsNoContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, err := dial(nil)(ctx, "tcp", "127.0.0.1:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("dialled: %v", err)
	}
}
