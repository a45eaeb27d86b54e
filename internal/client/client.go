package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Default is the URL at which `make dev` listens.
const Default = "http://127.0.0.1:7071/api"

// maxAnswer is the maximum size of an answer in bytes. A page of the largest
// records is much smaller.
const maxAnswer = 64 << 20

// Client calls one API. Use New to create one. The zero value is not usable. It is
// safe for concurrent use.
type Client struct {
	// Agent is the User-Agent of requests. Set it before the first one.
	Agent string

	base string
	key  string
	http *http.Client
}

// New returns a client of the API at base. base may omit http:// and the /api
// at its end. If key is not empty, it is sent as x-functions-key.
func New(base, key string) (*Client, error) {
	address, err := Address(base)
	if err != nil {
		return nil, err
	}

	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 100 * time.Second, // more than the maximum ?wait= plus a cold start of the host
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       30 * time.Second,
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	return &Client{
		Agent: "coremachine",
		base:  address,
		key:   key,
		http:  &http.Client{Transport: transport, CheckRedirect: stay},
	}, nil
}

// Address completes a URL as people type it: it adds the scheme and /api, and
// removes a slash at the end.
func Address(base string) (string, error) {
	text := strings.TrimSpace(base)
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}

	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" ||
		u.User != nil {
		return "", fmt.Errorf("invalid API address %q: use for example %s", base, Default)
	}

	u.Path = strings.TrimRight(u.Path, "/")
	if !strings.HasSuffix(u.Path, "/api") {
		u.Path += "/api"
	}

	return u.String(), nil
}

// Base returns the URL of the API, including /api.
func (c *Client) Base() string { return c.base }

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Answer is the answer of a route.
type Answer struct {
	Status int
	Body   []byte // unchanged
}

// Get sends a GET to a path below the base. query may be nil.
func (c *Client) Get(ctx context.Context, path string, query url.Values) (Answer, error) {
	return c.do(ctx, http.MethodGet, path, query, nil)
}

// Post sends a POST. A nil body is sent as an empty one.
func (c *Client) Post(ctx context.Context, path string, query url.Values, body []byte) (Answer, error) {
	return c.do(ctx, http.MethodPost, path, query, body)
}

// Patch sends a PATCH.
func (c *Client) Patch(ctx context.Context, path string, body []byte) (Answer, error) {
	return c.do(ctx, http.MethodPatch, path, nil, body)
}

// Delete sends a DELETE.
func (c *Client) Delete(ctx context.Context, path string, query url.Values) (Answer, error) {
	return c.do(ctx, http.MethodDelete, path, query, nil)
}

func (c *Client) do(ctx context.Context, method, path string, query url.Values, body []byte) (Answer, error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}

	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}

	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", c.Agent)

	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}

	if c.key != "" {
		req.Header.Set("X-Functions-Key", c.key)
	}

	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, c.unreachable(ctx, err)
	}

	defer func() { _ = resp.Body.Close() }()

	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Answer{}, c.unreachable(ctx, err)
	}

	if len(text) > maxAnswer {
		return Answer{}, fmt.Errorf("the answer of %s exceeds %d MiB", c.base, maxAnswer>>20)
	}

	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode >= 300 {
		return Answer{}, refusal(c.base, resp, kind, text)
	}

	isPicture := strings.HasPrefix(kind, "image/")
	if !isPicture && !json.Valid(text) && len(text) > 0 {
		return Answer{}, &StrangerError{URL: c.base, Status: resp.StatusCode, Kind: kind}
	}

	return Answer{Status: resp.StatusCode, Body: text}, nil
}

func refusal(base string, resp *http.Response, kind string, text []byte) error {
	e := &Error{URL: base, Status: resp.StatusCode, RetryAfter: resp.Header.Get("Retry-After"), Body: text}
	if kind == "application/problem+json" || kind == "application/json" {
		if err := json.Unmarshal(text, e); err == nil && (e.Detail != "" || e.Title != "") {
			e.Status = resp.StatusCode
			return e
		}
	}

	switch resp.StatusCode {
	case http.StatusUnauthorized,
		http.StatusForbidden,
		http.StatusBadGateway,
		http.StatusServiceUnavailable,
		http.StatusGatewayTimeout:
		return e // the host answers these itself, without the API
	}

	return &StrangerError{URL: base, Status: resp.StatusCode, Kind: kind}
}

func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}

	return &UnreachableError{URL: c.base, Reason: reason(err), Err: err}
}

func reason(err error) string {
	var (
		dns     *net.DNSError
		timeout net.Error
	)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &dns):
		return "no such host: " + dns.Name
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the connection was interrupted"
	}

	if op, ok := errors.AsType[*url.Error](err); ok {
		return op.Err.Error()
	}

	return err.Error()
}
