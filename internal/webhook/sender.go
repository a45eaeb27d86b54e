package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Timeout is the limit of one request, from the look-up of the name to the
// last byte of the answer that is read.
const Timeout = 10 * time.Second

// maxAnswer is how much of an answer is read, so that a connection can be
// closed in order. Nothing of it is kept.
const maxAnswer = 64 << 10

// Sender sends events to the hosts of its list. Its methods may be called
// concurrently.
type Sender struct {
	hosts    Hosts
	keys     []*standardwebhooks.Webhook
	resolver *net.Resolver // nil: the system's
}

// NewSender returns a Sender that signs with each of the secrets: a list
// separated by commas, each in base64 with or without the prefix "whsec_".
// While a secret is replaced, receivers accept a signature of either.
func NewSender(hosts Hosts, secrets string) (*Sender, error) {
	s := &Sender{hosts: hosts}

	for secret := range strings.SplitSeq(secrets, ",") {
		key, err := ParseSecret(strings.TrimSpace(secret))
		if err != nil {
			return nil, err
		}

		s.keys = append(s.keys, key)
	}

	return s, nil
}

// minSecret is the shortest secret, in characters of base64: 24 bytes.
const minSecret = 32

// ParseSecret reads one secret. The error does not repeat it.
func ParseSecret(secret string) (*standardwebhooks.Webhook, error) {
	if len(strings.TrimPrefix(secret, "whsec_")) < minSecret {
		return nil, fmt.Errorf("the secret has fewer than %d characters", minSecret)
	}

	key, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, errors.New("the secret is not base64, with or without the prefix whsec_")
	}

	return key, nil
}

// Check reports why a callback URL is refused: nil means it may be called.
func (s *Sender) Check(callback string) error { return s.hosts.Check(callback) }

// ErrGone is in the chain of the error of a receiver that wants no more events.
var ErrGone = errors.New("the receiver answered 410: it wants no more events")

// RefusedError says why a URL may not be called. Another list of hosts may
// allow it.
type RefusedError struct{ Reason string }

// Error is the reason.
func (r *RefusedError) Error() string { return r.Reason }

// Send posts one event and returns nil if the receiver answered with a status
// from 200 to 299. The error contains neither the path nor the query of the URL,
// because they can hold a secret of the receiver.
func (s *Sender) Send(ctx context.Context, callback string, event Event) error {
	u, err := s.hosts.parse(callback)
	if err != nil {
		return err
	}

	body, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("webhook.Send: %w", err)
	}

	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return &RefusedError{Reason: "the URL cannot be requested"}
	}

	if err := s.sign(req.Header, event.ID, body); err != nil {
		return err
	}

	resp, err := s.client(u).Do(req)
	if err != nil {
		return describe(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()

	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)

	return judge(resp)
}

// sign writes the headers of the Standard Webhooks scheme.
func (s *Sender) sign(header http.Header, id string, body []byte) error {
	now := time.Now()
	signatures := make([]string, len(s.keys))

	for i, key := range s.keys {
		signature, err := key.Sign(id, now, body)
		if err != nil {
			return fmt.Errorf("webhook.Send: %w", err)
		}

		signatures[i] = signature
	}

	header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	header.Set("User-Agent", "coremachine")
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))

	return nil
}

// client makes a client for one request: it uses no proxy, keeps no
// connection, follows no redirect, and checks each address that it dials.
func (s *Sender) client(u *url.URL) *http.Client {
	dialer := &net.Dialer{Resolver: s.resolver, Control: guard(u)}

	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// guard checks the address that a name resolved to, at the moment it is
// dialled: a name that resolves differently a moment later changes nothing.
func guard(u *url.URL) func(network, address string, _ syscall.RawConn) error {
	if isLoopback(strings.ToLower(u.Hostname())) {
		return func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !to.Addr().Unmap().IsLoopback() {
				return ssrf.ErrProhibitedIP
			}

			return nil
		}
	}

	return ssrf.New(ssrf.WithAnyPort()).Safe
}

// judge turns a status into an error.
func judge(resp *http.Response) error {
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return fmt.Errorf("the receiver answered %d, and redirects are not followed", resp.StatusCode)
	case resp.StatusCode == http.StatusGone:
		return ErrGone
	}

	return fmt.Errorf("the receiver answered %d", resp.StatusCode)
}

// describe says what went wrong without the URL.
func describe(ctx context.Context, err error) error {
	for _, prohibited := range []error{ssrf.ErrProhibitedIP, ssrf.ErrProhibitedNetwork, ssrf.ErrProhibitedPort} {
		if errors.Is(err, prohibited) {
			return errors.New("the host resolves to an address that is not public")
		}
	}

	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the receiver did not answer within %s", Timeout)
	}

	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}

	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New("the host name could not be resolved")
	}

	return fmt.Errorf("the request failed: %w", err)
}
