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

// answered is what a handler says after POST /{function}. Keys are matched in
// any case; unknown ones are ignored.
type answered struct {
	Outputs     map[string]json.RawMessage
	Logs        []string
	ReturnValue json.RawMessage
}

// plainAnswer is the envelope without anything in it, as most handlers write
// it; it needs no parsing.
const plainAnswer = `{"Outputs":{},"Logs":[],"ReturnValue":null}`

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// getBuffer returns an empty buffer; it goes back with buffers.Put.
func getBuffer() *bytes.Buffer {
	b, ok := buffers.Get().(*bytes.Buffer)
	if !ok {
		return new(bytes.Buffer)
	}

	b.Reset()

	return b
}

// pooledBody is a request body whose buffer goes back to the pool when the
// transport, which may outlive the call, closes it.
type pooledBody struct {
	*bytes.Reader
	buffer *bytes.Buffer
	once   sync.Once
}

// Close gives the buffer back.
func (b *pooledBody) Close() error {
	b.once.Do(func() { buffers.Put(b.buffer) })
	return nil
}

// post calls a function with an envelope and judges the answer; it takes over
// the buffer. An error is a failed invocation.
func (s *session) post(
	ctx context.Context,
	f *Function,
	id string,
	envelope *bytes.Buffer,
) (answered, error) {
	s.host.counters.posts.Add(1)

	a, err := s.call(ctx, f, id, envelope)
	if err != nil {
		s.host.counters.failed.Add(1)
		s.host.log.Warn("an invocation failed", keys.Function, f.Name, "invocation_id", id, keys.Error, err)

		return answered{}, err
	}

	s.host.counters.succeeded.Add(1)

	for _, line := range a.Logs {
		s.host.log.Info("the handler logged", "line", line, keys.Function, f.Name, "invocation_id", id)
	}

	return a, nil
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

	if resp.StatusCode/100 == 3 && !s.host.app.Forward { // with forwarding, the host's client follows nothing
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

	if resp.StatusCode/100 != 2 { // a redirect too that was not followed
		return answered{}, fmt.Errorf("response status code does not indicate success: %d", resp.StatusCode)
	}

	if len(bytes.TrimSpace(body.Bytes())) == 0 || body.String() == "null" {
		return answered{}, s.hang(ctx, p, f)
	}

	return judgeBody(resp.Header.Get("Content-Type"), body.Bytes())
}

// judgeBody reads the answer of a 2xx.
func judgeBody(contentType string, body []byte) (a answered, err error) {
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
		return a, fmt.Errorf("the answer is not the envelope: %w", err)
	}

	return a, nil
}

// request is the host's POST. In Azure the envelope is chunked; the Core Tools
// give its length.
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

// limit bounds an invocation by functionTimeout.
func (s *session) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.host.app.Timeout > 0 {
		return context.WithTimeoutCause(ctx, s.host.app.Timeout, errFunctionTimeout)
	}

	return context.WithCancel(ctx)
}

var errFunctionTimeout = errors.New("timeout value was exceeded by the function")

// failure names the error of a call. After a function timeout the handler is
// killed, and with it every other call.
func (s *session) failure(ctx context.Context, p *process, f *Function, err error) error {
	if !errors.Is(context.Cause(ctx), errFunctionTimeout) {
		return err
	}

	s.host.log.Error(
		"a function timed out: the handler is killed with every call in flight",
		keys.Function,
		f.Name,
		"timeout",
		s.host.app.Timeout,
	)

	e := Event{Kind: EventFunctionTimeout, Function: f.Name}
	if p != nil {
		e.PID = p.pid
	}

	s.host.tell(e)
	s.worker.askRestart(p)

	return errFunctionTimeout
}

// hang is what the real host does with an empty answer: nothing, until the
// function timeout.
func (s *session) hang(ctx context.Context, p *process, f *Function) error {
	s.host.log.Error(
		"THE HANDLER RETURNED AN EMPTY BODY: the host never completes such a call, and kills the handler at functionTimeout",
		keys.Function,
		f.Name,
		"timeout",
		s.host.app.Timeout,
	)
	s.host.tell(Event{Kind: EventEmptyBody, PID: p.pid, Function: f.Name})

	select {
	case <-ctx.Done():
		return s.failure(ctx, p, f, ctx.Err())
	case <-p.done:
		return errors.New("the handler ended")
	}
}

// follow follows a redirect, as the host's client does for envelopes: by GET,
// since the body is gone.
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
	// to this machine only, see above
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil) //nolint:gosec
	if err != nil {
		return nil, err
	}

	return s.client.Do(r) //nolint:gosec // to this machine only, see above
}

// settleLimit bounds the settling of a message.
const settleLimit = 10 * time.Second
