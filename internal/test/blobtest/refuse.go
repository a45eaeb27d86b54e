package blobtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"coremachine/internal/dev/azurite"
)

// Refusal is a response that replaces the response of storage.
type Refusal struct {
	Status     int
	Code       string // for example ServerBusy
	RetryAfter string // "": no such header
}

// Refusing returns the connection string of an account like that of s, behind a
// proxy that responds itself if refuse returns a Refusal. If refuse returns
// nil, the request passes.
func Refusing(t testing.TB, s *azurite.Server, refuse func(*http.Request) *Refusal) (connection string) {
	t.Helper()

	behind, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}

	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) { // the path is signed, so its spelling must not change
			r.Out.URL.Scheme, r.Out.URL.Host = behind.Scheme, behind.Host
		},
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refusal := refuse(r); refusal != nil {
			refusal.answer(w)
			return
		}

		proxy.ServeHTTP(w, r)
	}))

	t.Cleanup(func() {
		front.Close()
		transport.CloseIdleConnections()
	})

	account, key := s.Account()

	return connectionString(account, key, front.URL+"/"+account)
}

func (refusal *Refusal) answer(w http.ResponseWriter) {
	if refusal.RetryAfter != "" {
		w.Header().Set("Retry-After", refusal.RetryAfter)
	}

	w.Header().Set("X-Ms-Error-Code", refusal.Code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(refusal.Status)
	_, _ = fmt.Fprintf(
		w,
		"<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>%s</Message></Error>",
		refusal.Code,
		strings.ToLower(refusal.Code),
	) // the client may have disconnected
}

func connectionString(account, key, address string) string {
	return "DefaultEndpointsProtocol=http;AccountName=" + account + ";AccountKey=" + key + ";BlobEndpoint=" +
		address + ";"
}
