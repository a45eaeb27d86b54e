package httpserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"coremachine/internal/httpserver"
)

// serve serves over a limited listener and returns its address.
func serve(t *testing.T, connections int, writing time.Duration, h http.Handler) string {
	t.Helper()

	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	l := httpserver.Limit(plain, connections, writing)
	s := &http.Server{Handler: h, ConnState: l.ConnState, ReadHeaderTimeout: time.Minute}

	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()

	t.Cleanup(func() {
		_ = s.Close()

		<-done //nolint:errcheck // ErrServerClosed, since it was closed
	})

	return plain.Addr().String()
}

// client is a connection of its own, closed with the test.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dial(t *testing.T, address, request string) *client {
	t.Helper()

	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = c.Close() })

	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}

	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}

	return &client{Conn: c, t: t, r: bufio.NewReader(c)}
}

// answer reads one answer to its end.
func (c *client) answer() (status int) {
	c.t.Helper()

	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}

	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		c.t.Fatal(err)
	}

	_ = res.Body.Close()

	return res.StatusCode
}

// ended waits for the connection's end.
func (c *client) ended() {
	c.t.Helper()

	if _, err := c.r.ReadByte(); err == nil {
		c.t.Fatal("there is more to read")
	} else if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // as net returns it
		c.t.Fatal("the connection is still open")
	}
}

const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

func post(length int, body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", length, body)
}

func ok(w http.ResponseWriter, r *http.Request) {
	_, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

func TestABodyThatDoesNotArriveEnds(t *testing.T) {
	t.Parallel()
	address := serve(t, 10, time.Minute, httpserver.LimitBodies(100*time.Millisecond, http.HandlerFunc(ok)))

	c := dial(t, address, post(10, "x"))
	if status := c.answer(); status != http.StatusBadRequest {
		t.Errorf("answered %d", status)
	}

	c.ended()
}

func TestABodyThatArrivesLeavesTimeForTheAnswer(t *testing.T) {
	t.Parallel()

	const within = 50 * time.Millisecond

	address := serve(
		t,
		10,
		time.Minute,
		httpserver.LimitBodies(within, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ok(w, r)

			select {
			case <-r.Context().Done():
				w.WriteHeader(http.StatusTeapot)
			case <-time.After(10 * within):
			}
		})),
	)

	c := dial(t, address, post(1, "x")+post(1, "y"))
	for range 2 {
		if status := c.answer(); status != http.StatusOK {
			t.Errorf("answered %d", status)
		}
	}
}

func TestADismissedBodyIsAnsweredAtOnceAndEnds(t *testing.T) {
	t.Parallel()
	address := serve(t, 10, time.Minute, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		httpserver.Dismiss(w)
		w.WriteHeader(http.StatusUnauthorized)
	}))

	c := dial(t, address, post(1000, "x"))
	if status := c.answer(); status != http.StatusUnauthorized {
		t.Errorf("answered %d", status)
	}

	c.ended()
}

func TestConnectionsOverTheLimitWait(t *testing.T) {
	t.Parallel()

	entered, release := make(chan struct{}), make(chan struct{})
	address := serve(t, 2, time.Minute, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}

		<-release
	}))
	clients := []*client{dial(t, address, get), dial(t, address, get), dial(t, address, get)}

	<-entered
	<-entered

	select {
	case <-entered:
		t.Error("a third connection is served")
	case <-time.After(50 * time.Millisecond):
	}

	release <- struct{}{} // its connection becomes idle and makes room

	<-entered

	release <- struct{}{}

	release <- struct{}{}

	answered := 0

	for _, c := range clients {
		if status := c.answer(); status == http.StatusOK {
			answered++
		}
	}

	if answered != 3 {
		t.Errorf("%d of 3 were answered", answered)
	}
}

func TestIdleConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	address := serve(t, 2, time.Minute, http.HandlerFunc(ok))
	first, second := dial(t, address, get), dial(t, address, get)
	first.answer()
	second.answer()

	for range 5 {
		if status := dial(t, address, get).answer(); status != http.StatusOK {
			t.Errorf("answered %d", status)
		}
	}

	first.ended()
}

func TestAClientThatDoesNotReadIsNotKept(t *testing.T) {
	t.Parallel()

	failed := make(chan error, 1)
	address := serve(
		t,
		2,
		100*time.Millisecond,
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			chunk := strings.Repeat("x", 1<<20)
			for {
				if _, err := io.WriteString(w, chunk); err != nil {
					failed <- err
					return
				}
			}
		}),
	)
	dial(t, address, get)

	if err := <-failed; err == nil {
		t.Error("writing went on")
	}
}
