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

		<-done //nolint:errcheck // always ErrServerClosed
	})

	return plain.Addr().String()
}

// client is a connection that is closed when the test ends.
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

// response reads a response to its end and returns its status.
func (c *client) response() (status int) {
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

// expectClosed waits until the server closes the connection.
func (c *client) expectClosed() {
	c.t.Helper()

	if _, err := c.r.ReadByte(); err == nil {
		c.t.Fatal("the server sent more than one response")
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

func TestLimitBodiesEndsSlowBody(t *testing.T) {
	t.Parallel()
	address := serve(t, 10, time.Minute, httpserver.LimitBodies(100*time.Millisecond, http.HandlerFunc(ok)))

	c := dial(t, address, post(10, "x"))
	if status := c.response(); status != http.StatusBadRequest {
		t.Errorf("got status %d", status)
	}

	c.expectClosed()
}

func TestLimitBodiesDoesNotLimitResponse(t *testing.T) {
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
		if status := c.response(); status != http.StatusOK {
			t.Errorf("got status %d", status)
		}
	}
}

func TestDismissRespondsWithoutReadingBody(t *testing.T) {
	t.Parallel()
	address := serve(t, 10, time.Minute, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		httpserver.Dismiss(w)
		w.WriteHeader(http.StatusUnauthorized)
	}))

	c := dial(t, address, post(1000, "x"))
	if status := c.response(); status != http.StatusUnauthorized {
		t.Errorf("got status %d", status)
	}

	c.expectClosed()
}

func TestConnectionsOverLimitWait(t *testing.T) {
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
		t.Error("a third connection was served, want at most 2")
	case <-time.After(50 * time.Millisecond):
	}

	// The connection becomes idle, which makes room for another one.
	release <- struct{}{}

	<-entered

	release <- struct{}{}

	release <- struct{}{}

	responses := 0

	for _, c := range clients {
		if status := c.response(); status == http.StatusOK {
			responses++
		}
	}

	if responses != 3 {
		t.Errorf("%d of 3 requests got 200", responses)
	}
}

func TestListenerClosesIdleConnectionsWhenFull(t *testing.T) {
	t.Parallel()
	address := serve(t, 2, time.Minute, http.HandlerFunc(ok))
	first, second := dial(t, address, get), dial(t, address, get)
	first.response()
	second.response()

	for range 5 {
		if status := dial(t, address, get).response(); status != http.StatusOK {
			t.Errorf("got status %d", status)
		}
	}

	first.expectClosed()
}

func TestWriteEndsWhenClientDoesNotRead(t *testing.T) {
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
		t.Error("Write returned no error")
	}
}
