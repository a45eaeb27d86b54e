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

// Refusal is an answer in storage's place.
type Refusal struct {
	Status     int
	Code       string // as in ServerBusy
	RetryAfter string // "": none
}

// Refusing is the connection string of an account like that of s, behind a
// server that answers in its place whenever refuse says how; nil lets a request
// pass.
func Refusing(t testing.TB, s *azurite.Server, refuse func(*http.Request) *Refusal) (connection string) {
	t.Helper()

	behind, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}

	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) { // the path is kept as it is spelled: it is signed
			r.Out.URL.Scheme, r.Out.URL.Host = behind.Scheme, behind.Host
		},
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if no := refuse(r); no != nil {
			no.answer(w)
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

func (no *Refusal) answer(w http.ResponseWriter) {
	if no.RetryAfter != "" {
		w.Header().Set("Retry-After", no.RetryAfter)
	}

	w.Header().Set("X-Ms-Error-Code", no.Code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(no.Status)
	_, _ = fmt.Fprintf(
		w,
		"<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>%s</Message></Error>",
		no.Code,
		strings.ToLower(no.Code),
	) // the caller may be gone
}

func connectionString(account, key, address string) string {
	return "DefaultEndpointsProtocol=http;AccountName=" + account + ";AccountKey=" + key + ";BlobEndpoint=" + address + ";"
}
