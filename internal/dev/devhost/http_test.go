package devhost_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"coremachine/internal/dev/devhost"
)

const forwardHost = `{"customHandler":{"description":{"defaultExecutablePath":"handler"},
		"enableForwardingHttpRequest":true}}`

func TestProxyForwardsRequestsUnchanged(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{}, devhost.Options{})

	s := b.echo(b.do(
		http.MethodPut,
		"/api/jobs/7%2F8?tag=a&tag=b&x=%2c;",
		`{"n":1}`,
		"User-Agent",
		"curl/8.5.0",
		"Content-Encoding",
		"x",
		"X-Forwarded-For",
		"192.0.2.1",
		"X-Azure-Functions-InvocationId",
		"forged",
		"Cookie",
		"a=b",
	))
	if s.Method != http.MethodPut || s.URI != "/api/jobs/7%2F8?tag=a&tag=b&x=%2c;" || s.Body != `{"n":1}` ||
		s.Chunked {
		t.Errorf("got %s %s %s", s.Method, s.URI, s.Body)
	}

	for name, want := range map[string]string{
		"User-Agent": "curl/8.5.0", "Content-Encoding": "x", "X-Forwarded-For": "192.0.2.1", "Cookie": "a=b",
		"Host": b.host.Addr(), "X-Azure-Functions-Hostversion": devhost.Version,
	} {
		if got := strings.Join(s.Header.Values(name), "|"); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}

	id := s.Header.Values("X-Azure-Functions-Invocationid")
	if len(id) != 1 || len(id[0]) != 36 || s.Header.Get("X-Ms-Invocation-Id") != id[0] {
		t.Errorf(
			"got invocation IDs %q and %q, want one of the host",
			id,
			s.Header.Get("X-Ms-Invocation-Id"),
		)
	}

	chunked := b.echo(b.send(http.MethodPost, "/api/x", io.MultiReader(strings.NewReader("body"))))
	if !chunked.Chunked || chunked.Body != "body" {
		t.Errorf("got chunked %v, body %q", chunked.Chunked, chunked.Body)
	}

	if got := b.do(
		http.MethodGet,
		"/api/redirect",
		"",
	); got.status != http.StatusFound ||
		got.header.Get("Location") != "/api/elsewhere" {
		t.Errorf("got %d, want the redirect itself", got.status)
	}

	if got := b.do(http.MethodGet, "/api/fail", ""); got.status != http.StatusInternalServerError {
		t.Errorf("got %d, want the handler's 500", got.status)
	}
}

func TestProxyStreams(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{}, devhost.Options{})

	r, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodGet,
		"http://"+b.host.Addr()+"/api/stream",
		nil,
	)
	if err != nil {
		t.Fatal(err)
	}

	resp, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end

	lines := bufio.NewScanner(resp.Body)
	for i, want := range []string{"part 0", "part 1", "part 2"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, %v; want %q", lines.Text(), lines.Err(), want)
		}

		if i == 0 {
			b.release <- struct{}{} // the first part arrived while the handler waits
		}
	}
}

func TestProxyCancelsRequestWhenClientDisconnects(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{}, devhost.Options{})
	ctx, cancel := context.WithCancel(t.Context())

	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.host.Addr()+"/api/hang", nil)
	if err != nil {
		t.Fatal(err)
	}

	done := make(chan struct{})
	go func() {
		defer close(done)

		if resp, err := b.client.Do(r); err == nil {
			_ = resp.Body.Close()
		}
	}()

	next(t, b.seen, "request")
	cancel()

	if got := next(t, b.seen, "departure"); got.URI != "left" {
		t.Errorf("got %+v", got)
	}

	<-done
}

func TestEdgeLimits(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{}, devhost.Options{EdgeTimeout: 3 * time.Second, BodyLimit: 100})
	if err := b.host.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}

	if got := b.do(http.MethodGet, "/api/hang", ""); got.status != http.StatusGatewayTimeout {
		t.Errorf("got %d, want 504", got.status)
	}

	long := strings.Repeat("x", 101)
	if got := b.do(http.MethodPost, "/api/x", long); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d for a long body, want 413", got.status)
	}

	if got := b.send(
		http.MethodPost,
		"/api/x",
		io.MultiReader(strings.NewReader(long)),
	); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d for a long chunked body, want 413", got.status)
	}
}

func TestForwardModeLimitations(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{host: forwardHost}, devhost.Options{})

	s := b.echo(
		b.do(http.MethodPost, "/api/jobs/7?tag=a&tag=b", `{"n":1}`, "Content-Type", "application/json",
			"User-Agent", "curl/8.5.0", "Content-Encoding", "x", "X-Azure-Functions-InvocationId", "forged"),
	)
	if s.Method != http.MethodPost || s.URI != "/api/jobs/7?tag=a%2Cb" || s.Body != `{"n":1}` {
		t.Errorf("got %s %s %s", s.Method, s.URI, s.Body)
	}

	for name, want := range map[string]string{
		"User-Agent":       "curl/8.5.0 Azure-Functions-Host/" + devhost.Version,
		"Content-Encoding": "", "Content-Type": "application/json",
		"Host": b.host.Addr(),
	} {
		if got := s.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}

	if got := s.Header.Values("X-Azure-Functions-Invocationid"); len(got) != 2 || got[0] != "forged" {
		t.Errorf("got invocation IDs %q, want the forged one first", got)
	}

	if got := b.send(
		http.MethodPost,
		"/api/x",
		io.MultiReader(strings.NewReader("body")),
	); got.status != http.StatusInternalServerError {
		t.Errorf("got %d for a chunked body, want 500", got.status)
	}
}

func TestKeysAreRequiredUnlessAnonymous(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{}, devhost.Options{Keys: []string{"secret"}})
	for _, c := range []struct {
		path, header string
		want         int
	}{
		{"/api/x", "", 401},
		{"/api/x", "wrong", 401},
		{"/api/x", "secret", 200},
		{"/api/x?code=secret", "", 200},
		{"/api/open", "", 200},
		{"/api/open/a/b", "", 200},
		{"/api/OPEN/a", "", 200},
		{"/api/open/../x", "", 401},
		{"/admin/host/status", "", 401},
		{"/admin/host/status", "secret", 200},
	} {
		got := b.do(http.MethodGet, c.path, "", "X-Functions-Key", c.header)
		if got.status != c.want {
			t.Errorf("%s with key %q: got %d, want %d", c.path, c.header, got.status, c.want)
		}

		if got.status == 401 && got.body != "" {
			t.Errorf("%s: got body %q, want none", c.path, got.body)
		}
	}

	if got := b.do(http.MethodPost, "/api/open/a", ""); got.status != 401 {
		t.Errorf("got %d for another method, want 401 from the catch-all", got.status)
	}

	if got := b.do(http.MethodPost, "/process_task", "{}", "X-Functions-Key", "secret"); got.status != 404 {
		t.Errorf("got %d for a trigger path, want 404", got.status)
	}
}

// TestCallsWaitFromTheFirstMoment calls a host as soon as Start has returned.
func TestCallsWaitFromTheFirstMoment(t *testing.T) {
	t.Parallel()

	for range 200 {
		b := setup(t, testApp{functions: map[string]string{}}, devhost.Options{})
		if got := b.do(http.MethodGet, "/", ""); got.status != http.StatusOK {
			t.Fatalf("got %d, want 200", got.status)
		}
	}
}
