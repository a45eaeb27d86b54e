package devhost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"coremachine/internal/telemetry/keys"
)

// answered is the response to POST /{function}. Keys match in any case, and
// unknown ones are ignored.
type answered struct {
	Outputs map[string]json.RawMessage
	Logs    []string
}

// plainAnswer is an envelope without values, as most handlers return it. It is
// not parsed.
const plainAnswer = `{"Outputs":{},"Logs":[],"ReturnValue":null}`

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// getBuffer returns an empty buffer. Return it with buffers.Put.
func getBuffer() *bytes.Buffer {
	b, ok := buffers.Get().(*bytes.Buffer)
	if !ok {
		return new(bytes.Buffer)
	}

	b.Reset()

	return b
}

// pooledBody is a request body that returns its buffer to the pool when it is
// closed. The transport closes it, possibly after the call.
type pooledBody struct {
	*bytes.Reader
	buffer *bytes.Buffer
	once   sync.Once
}

// Close returns the buffer to the pool.
func (b *pooledBody) Close() error {
	b.once.Do(func() { buffers.Put(b.buffer) })
	return nil
}

// post calls a function with an envelope and checks the response. It takes
// ownership of the buffer. An error means a failed invocation.
func (s *session) post(
	ctx context.Context,
	f *Function,
	id string,
	envelope *bytes.Buffer,
) error {
	s.host.counters.posts.Add(1)

	a, err := s.call(ctx, f, id, envelope)
	if err != nil {
		s.host.counters.failed.Add(1)
		s.host.log.Warn("invocation failed", keys.Function, f.Name, "invocation_id", id, keys.Error, err)

		return err
	}

	s.host.counters.succeeded.Add(1)

	for _, line := range a.Logs {
		s.host.log.Info("handler log", "line", line, keys.Function, f.Name, "invocation_id", id)
	}

	return nil
}

func (s *session) call(
	ctx context.Context,
	f *Function,
	id string,
	envelope *bytes.Buffer,
) (answered, error) {
	p, err := s.hold(ctx)
	if err != nil {
		buffers.Put(envelope)
		return answered{}, err
	}

	ctx, cancel := s.limit(ctx)
	defer cancel()

	resp, err := s.worker.transport.RoundTrip(s.request(ctx, f, id, envelope))
	if err != nil {
		return answered{}, s.failure(ctx, p, f, err)
	}

	// With forwarding, the host's client does not follow redirects.
	if resp.StatusCode/100 == 3 && !s.host.app.Forward {
		if resp, err = s.follow(ctx, resp); err != nil {
			return answered{}, s.failure(ctx, p, f, err)
		}
	}

	body := getBuffer()
	defer buffers.Put(body)

	_, err = body.ReadFrom(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return answered{}, s.failure(ctx, p, f, err)
	}

	if resp.StatusCode/100 != 2 { // including redirects that were not followed
		return answered{}, fmt.Errorf("response status code does not indicate success: %d", resp.StatusCode)
	}

	if len(bytes.TrimSpace(body.Bytes())) == 0 || body.String() == "null" {
		return answered{}, s.hang(ctx, p, f)
	}

	return parseResponse(resp.Header.Get("Content-Type"), body.Bytes())
}

// parseResponse parses the body of a 2xx response.
func parseResponse(contentType string, body []byte) (a answered, err error) {
	if media, _, err := mime.ParseMediaType(
		contentType,
	); err != nil ||
		(media != "application/json" && media != "text/json") {
		return a, fmt.Errorf("invalid HttpResponseMessage: the media type is %q", contentType)
	}

	if string(body) == plainAnswer {
		return a, nil
	}

	if err := json.Unmarshal(body, &a); err != nil {
		return a, fmt.Errorf("the response is not an envelope: %w", err)
	}

	return a, nil
}

// request returns the host's POST. In Azure the envelope is chunked. The Core
// Tools send its length.
func (s *session) request(ctx context.Context, f *Function, id string, envelope *bytes.Buffer) *http.Request {
	r := &http.Request{
		Method: http.MethodPost,
		URL:    &url.URL{Scheme: "http", Host: "127.0.0.1:" + portText(s), Path: "/" + f.Name},
		Header: http.Header{
			"X-Azure-Functions-Hostversion":  {Version},
			"X-Azure-Functions-Invocationid": {id},
			"User-Agent":                     {"Azure-Functions-Host/" + Version},
			"Traceparent":                    {newTraceparent()},
			"Content-Type":                   {"application/json; charset=utf-8"},
		},
		Body:          &pooledBody{Reader: bytes.NewReader(envelope.Bytes()), buffer: envelope},
		ContentLength: int64(envelope.Len()),
	}
	if s.host.options.Chunked {
		r.ContentLength = -1
	}

	return r.WithContext(ctx)
}

// limit applies functionTimeout to an invocation.
func (s *session) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.host.app.Timeout > 0 {
		return context.WithTimeoutCause(ctx, s.host.app.Timeout, errFunctionTimeout)
	}

	return context.WithCancel(ctx)
}

var errFunctionTimeout = errors.New("timeout value was exceeded by the function")

// failure returns the error of a call. After a function timeout it kills the
// handler, and with it every other call.
func (s *session) failure(ctx context.Context, p *process, f *Function, err error) error {
	if !errors.Is(context.Cause(ctx), errFunctionTimeout) {
		return err
	}

	s.host.log.Error(
		"function timed out, killing the handler with every call in flight",
		keys.Function,
		f.Name,
		"timeout",
		s.host.app.Timeout,
	)

	e := Event{Kind: EventFunctionTimeout, Function: f.Name}
	if p != nil {
		e.PID = p.pid
	}

	s.host.emit(e)
	s.worker.requestRestart(p)

	return errFunctionTimeout
}

// hang imitates the real host after an empty response: it waits until the
// function timeout.
func (s *session) hang(ctx context.Context, p *process, f *Function) error {
	s.host.log.Error(
		"THE HANDLER RETURNED AN EMPTY BODY: the host does not complete such a call, "+
			"and kills the handler at functionTimeout",
		keys.Function,
		f.Name,
		"timeout",
		s.host.app.Timeout,
	)
	s.host.emit(Event{Kind: EventEmptyBody, PID: p.pid, Function: f.Name})

	select {
	case <-ctx.Done():
		return s.failure(ctx, p, f, ctx.Err())
	case <-p.done:
		return errors.New("the handler ended")
	}
}

// follow follows a redirect with GET, like the host's client for envelopes,
// because the body has been consumed.
func (s *session) follow(ctx context.Context, resp *http.Response) (*http.Response, error) {
	_, err := io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}

	to, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("status %d without a usable location: %w", resp.StatusCode, err)
	}

	if !strings.HasPrefix(to.Host, "127.0.0.1:") {
		return nil, fmt.Errorf("a redirect leads to %s", to.Host)
	}

	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return nil, err
	}

	return s.client.Do(r)
}

// settleLimit limits the time to settle a message.
const settleLimit = 10 * time.Second
