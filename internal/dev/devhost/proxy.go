package devhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"syscall"
	"time"

	"coremachine/internal/clock"
)

// errBadGateway means that the handler could not be reached.
var errBadGateway = errors.New("the handler could not be reached")

// Retries of a proxied call.
const (
	dialTries    = 14
	dialPause    = 50 * time.Millisecond
	dialMaxPause = 250 * time.Millisecond
)

// dialWithRetry connects to a handler that may be starting. It tries 14
// times, which takes about 2 seconds.
func dialWithRetry(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer

	wait := clock.Backoff{Min: dialPause, Max: dialMaxPause}

	for try := 1; ; try++ {
		c, err := d.DialContext(ctx, network, address)
		if err == nil || try == dialTries || !errors.Is(err, syscall.ECONNREFUSED) || !wait.Sleep(ctx) {
			return c, err
		}
	}
}

// proxy streams a request to the handler and its response to the client. It
// changes only three headers. If the client disconnects, the connection to the
// handler is closed.
func (s *session) proxy(w http.ResponseWriter, r *http.Request, id string) error {
	var failed error

	p := httputil.ReverseProxy{
		Transport:     s.retryTransport,
		FlushInterval: -1,
		BufferPool:    bytesPool{},
		ErrorLog:      slog.NewLogLogger(s.host.log.Handler(), slog.LevelDebug),
		ErrorHandler:  func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL.Scheme, pr.Out.URL.Host = "http", "127.0.0.1:"+portText(s)
			pr.Out.URL.RawQuery = pr.In.URL.RawQuery

			pr.Out.Host = pr.In.Host
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values, ok := pr.In.Header[name]; ok {
					pr.Out.Header[name] = values
				}
			}

			pr.Out.Header.Set("X-Azure-Functions-HostVersion", Version)
			pr.Out.Header.Set("X-Azure-Functions-InvocationId", id)
			pr.Out.Header.Set("X-Ms-Invocation-Id", id)

			if pr.In.Header.Get("Traceparent") == "" {
				pr.Out.Header.Set("Traceparent", newTraceparent())
			}
		},
	}

	func() {
		defer func() { // the reverse proxy panics to abort a response
			switch reason := recover(); reason {
			case nil:
			case http.ErrAbortHandler:
				failed = http.ErrAbortHandler
			default:
				panic(reason)
			}
		}()

		p.ServeHTTP(w, r)
	}()

	if failed == nil {
		return nil
	}

	if cause := context.Cause(r.Context()); cause != nil {
		return fmt.Errorf("%w: %w", cause, failed)
	}

	return fmt.Errorf("%w: %w", errBadGateway, failed)
}

// forward is the older mode. It buffers the whole response, merges duplicate
// query keys, drops content headers except type and length, and rejects chunked
// requests.
func (s *session) forward(w http.ResponseWriter, r *http.Request, id string) error {
	out := &http.Request{
		Method: r.Method,
		URL: &url.URL{
			Scheme:   "http",
			Host:     "127.0.0.1:" + portText(s),
			Path:     r.URL.Path,
			RawQuery: mergedQuery(r.URL.RawQuery),
		},
		Host:   r.Host,
		Header: r.Header.Clone(),
	}
	for _, name := range []string{
		"Content-Encoding", "Content-Language", "Content-Md5", "Content-Location", "Content-Range",
		"Content-Disposition", "Allow", "Expires", "Last-Modified", "Connection",
	} {
		out.Header.Del(name)
	}

	if len(r.TransferEncoding) > 0 {
		return errors.New(
			"'Transfer-Encoding: chunked' header can not be used when content object is not specified",
		)
	}

	if r.ContentLength > 0 {
		out.Body, out.ContentLength = r.Body, r.ContentLength
	}

	out.Header.Add("X-Azure-Functions-HostVersion", Version)
	out.Header.Add("X-Azure-Functions-InvocationId", id)

	agent := "Azure-Functions-Host/" + Version
	if sent := r.Header.Get("User-Agent"); sent != "" {
		agent = sent + " " + agent
	}

	out.Header.Set("User-Agent", agent)

	resp, err := s.worker.transport.RoundTrip(out.WithContext(r.Context()))
	if err != nil {
		return err
	}

	body := getBuffer()
	defer buffers.Put(body)

	_, err = body.ReadFrom(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}

	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, err = w.Write(body.Bytes())

	return err
}

// bytesPool provides copy buffers for the proxy.
type bytesPool struct{}

var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// Get returns a buffer.
func (bytesPool) Get() []byte {
	if b, ok := copyBuffers.Get().(*[32 << 10]byte); ok {
		return b[:]
	}

	return make([]byte, 32<<10)
}

// Put returns a buffer to the pool.
func (bytesPool) Put(b []byte) { copyBuffers.Put((*[32 << 10]byte)(b)) }
