package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/net/dns/dnsmessage"
)

var secret, newSecret = randomSecret(), randomSecret()

func randomSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)

	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

func sample() Event {
	return NewEvent("job/1/1", TypeSample, "job", time.Unix(1_800_000_000, 0), json.RawMessage(`{"n":1}`))
}

func newSender(t *testing.T, list, secrets string) *Sender {
	t.Helper()

	hosts, err := ParseHosts(list)
	if err != nil {
		t.Fatal(err)
	}

	s, err := NewSender(hosts, secrets)
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func TestEventsAreSignedWithEverySecret(t *testing.T) {
	t.Parallel()

	type request struct {
		header http.Header
		body   []byte
	}

	got := make(chan request, 1)

	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, body}
	}))
	defer receiver.Close()

	s := newSender(t, "127.0.0.1", secret+", "+newSecret)
	if err := s.Send(t.Context(), receiver.URL+"/hook?token=t", sample()); err != nil {
		t.Fatal(err)
	}

	r := <-got

	for _, key := range []string{secret, newSecret} {
		verifier, err := standardwebhooks.NewWebhook(key)
		if err != nil {
			t.Fatal(err)
		}

		if err := verifier.Verify(r.body, r.header); err != nil {
			t.Errorf("the signature of %.12s…: %v", key, err)
		}
	}

	var event Event
	if err := json.Unmarshal(r.body, &event); err != nil {
		t.Fatal(err)
	}

	if event.SpecVersion != "1.0" || event.ID != "job/1/1" || event.Type != TypeSample ||
		event.Source != "coremachine" ||
		event.Time.Unix() != 1_800_000_000 || string(event.Data) != `{"n":1}` {
		t.Errorf("the event is %s", r.body)
	}

	if id := r.header.Get("Webhook-Id"); id != "job/1/1" {
		t.Errorf("webhook-id is %q", id)
	}
}

func TestAnswersDecideWhetherAnEventWasDelivered(t *testing.T) {
	t.Parallel()

	for status, want := range map[int]string{
		200: "", 204: "", 299: "",
		301: "redirects are not followed", 307: "redirects are not followed",
		400: "answered 400", 410: "wants no more events", 500: "answered 500",
	} {
		hits := 0
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hits++

			w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
			w.WriteHeader(status)
		}))

		err := newSender(t, "127.0.0.1", secret).Send(t.Context(), receiver.URL, sample())
		receiver.Close()

		if hits != 1 || want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d: %v after %d requests, want %q after one", status, err, hits, want)
		}

		if gone := errors.Is(err, ErrGone); gone != (status == http.StatusGone) {
			t.Errorf("%d: gone: %t", status, gone)
		}
	}
}

func TestErrorsTellNothingOfThePath(t *testing.T) {
	t.Parallel()

	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	address := closed.Addr().String()
	_ = closed.Close()

	err = newSender(t, "127.0.0.1", secret).Send(t.Context(), "http://"+address+"/secret-path?key=secret-key", sample())
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without the path", err)
	}
}

func TestAnEventHasATimeLimit(t *testing.T) {
	t.Parallel()

	stop := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))

	defer receiver.Close()
	defer close(stop)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()

	err := newSender(t, "127.0.0.1", secret).Send(ctx, receiver.URL, sample())
	if err == nil || !strings.Contains(err.Error(), "did not answer within") {
		t.Errorf("got %v", err)
	}
}

// TestPrivateAddressesAreRefusedWhenTheyAreDialled uses a name server of its
// own: the name is on the list, so that only its address can give it away.
func TestPrivateAddressesAreRefusedWhenTheyAreDialled(t *testing.T) {
	t.Parallel()

	s := newSender(t, "hooks.example.com,*.internal.example.com,10.0.0.1,169.254.169.254,[::1]:443", secret)

	for _, address := range []string{
		"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
		"::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
	} {
		s.resolver = resolverFor(t, netip.MustParseAddr(address))

		err := s.Send(t.Context(), "https://hooks.example.com/x", sample())
		if err == nil || !strings.Contains(err.Error(), "not public") {
			t.Errorf("a name with the address %s: %v, want it refused", address, err)
		}
	}

	s.resolver = nil

	for _, callback := range []string{"https://10.0.0.1/", "https://169.254.169.254/latest/meta-data"} {
		if err := s.Send(t.Context(), callback, sample()); err == nil || !strings.Contains(err.Error(), "not public") {
			t.Errorf("%s: %v, want it refused", callback, err)
		}
	}
}

// TestALoopbackNameLeadsToLoopbackOnly lets localhost resolve to an address of
// another machine.
func TestALoopbackNameLeadsToLoopbackOnly(t *testing.T) {
	t.Parallel()

	s := newSender(t, "localhost", secret)

	u, err := s.hosts.parse("http://localhost:8080/")
	if err != nil {
		t.Fatal(err)
	}

	for address, allowed := range map[string]bool{
		"127.0.0.1:8080": true, "[::1]:8080": true, "10.0.0.1:8080": false, "203.0.113.7:8080": false, "x": false,
	} {
		if err := guard(u)("tcp", address, nil); (err == nil) != allowed {
			t.Errorf("%s: %v, want allowed: %t", address, err, allowed)
		}
	}
}

func TestSecretsAreChecked(t *testing.T) {
	t.Parallel()

	for _, bad := range []string{"", "short", "whsec_short", strings.Repeat("*", 40), secret + ","} {
		if _, err := NewSender(nil, bad); err == nil || strings.Contains(err.Error(), strings.Repeat("*", 40)) {
			t.Errorf("%q: %v, want an error that does not repeat it", bad, err)
		}
	}
}

// resolverFor is a resolver that asks a name server on loopback, which answers
// every question with one address.
func resolverFor(t *testing.T, address netip.Addr) *net.Resolver {
	t.Helper()

	server, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = server.Close() })

	go func() {
		buf := make([]byte, 1500)

		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}

			if answer, ok := answerTo(buf[:n], address); ok {
				_, _ = server.WriteTo(answer, from)
			}
		}
	}()

	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
		},
	}
}

func answerTo(query []byte, address netip.Addr) ([]byte, bool) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil, false
	}

	q := m.Questions[0]
	m.Response = true
	m.Answers, m.Additionals, m.Authorities = nil, nil, nil

	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}

	switch {
	case q.Type == dnsmessage.TypeA && address.Is4():
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: address.As4()}}}
	case q.Type == dnsmessage.TypeAAAA && address.Is6():
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}}}
	}

	answer, err := m.Pack()

	return answer, err == nil
}
