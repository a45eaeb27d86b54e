package devhost_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"coremachine/internal/dev/devhost"
)

// raw sends text unmodified and returns the response. If half is true, it
// closes the sending side afterwards.
func raw(t *testing.T, b harness, request string, half bool) (status int, body string) {
	t.Helper()

	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", b.host.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // not relevant to the test

	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}

	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}

	if tcp, ok := c.(*net.TCPConn); ok && half {
		if err := tcp.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}

	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}

	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}

	_ = res.Body.Close()

	return res.StatusCode, string(text)
}

func TestOtherHostNamesAreRejected(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{}, devhost.Options{})

	for host, rejected := range map[string]bool{
		"127.0.0.1": false, "127.0.0.1:7071": false, "localhost:7071": false, "LOCALHOST": false,
		"[::1]:7071": false, "app.localhost": false,
		"rebind.example": true, "rebind.example:7071": true, "127.0.0.1.example": true, "192.0.2.1": true,
		"localhost.example": true, "": true,
	} {
		for _, path := range []string{"/", "/api/jobs", "/admin/host/status"} {
			status, _ := raw(
				t,
				b,
				"GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n",
				false,
			)
			if (status == http.StatusForbidden) != rejected {
				t.Errorf("%s with host %q: got %d, want rejected: %t", path, host, status, rejected)
			}
		}
	}
}

func TestCrossOriginRequestsCannotStartFunctions(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{}, devhost.Options{})
	for origin, want := range map[string]int{
		"": http.StatusAccepted, "http://" + b.host.Addr(): http.StatusAccepted,
		"http://evil.example": http.StatusForbidden, "null": http.StatusForbidden,
		"https://" + b.host.Addr(): http.StatusForbidden,
	} {
		headers := []string{"Content-Type", "text/plain"}
		if origin != "" {
			headers = append(headers, "Origin", origin)
		}

		if got := b.do(
			http.MethodPost,
			"/admin/functions/process_task",
			`{"input":"{}"}`,
			headers...); got.status != want {
			t.Errorf("from %q: got %d, want %d", origin, got.status, want)
		}
	}
}

func TestHalfClosedRequestGetsResponse(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{}, devhost.Options{})

	status, body := raw(t, b, "GET /api/hang HTTP/1.1\r\nHost: localhost\r\n\r\n", true)
	if status == http.StatusOK || body == "" {
		t.Errorf("got status %d with body %q", status, body)
	}
}

func TestInvalidChunkIsBadRequest(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{}, devhost.Options{})
	for _, chunk := range []string{"zz\r\nx\r\n", "5\r\nabcdefgh\r\n0\r\n\r\n"} {
		status, _ := raw(
			t,
			b,
			"POST /api/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"+chunk,
			false,
		)
		if status != http.StatusBadRequest {
			t.Errorf("%q: got %d, want 400", chunk, status)
		}
	}
}

func TestRedirectIsFollowedUnlessForwarding(t *testing.T) {
	t.Parallel()

	const proxyHost = `{"customHandler":{"description":{"defaultExecutablePath":"handler"},
		"enableProxyingHttpRequest":true}}`

	for host, want := range map[string]string{forwardHost: "abandon", proxyHost: "complete"} {
		b := setup(t, testApp{host: host}, devhost.Options{})
		b.queue.put(order{Do: "redirect", Body: "/api/x"})

		if got := next(t, b.queue.settled, "settlement"); got.how != want {
			t.Errorf("%s: got %s, want %s", host, got.how, want)
		}
	}
}
