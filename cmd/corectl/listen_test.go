package main

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coremachine/internal/webhook"
)

// TestListenPrintsVerifiedEvents sends events as the service does, with the
// secret of the receiver and with another one.
func TestListenPrintsVerifiedEvents(t *testing.T) {
	t.Parallel()

	secret := func(fill byte) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))
	}

	key, err := webhook.ParseSecret(secret('a'))
	if err != nil {
		t.Fatal(err)
	}

	var out, hints bytes.Buffer

	l := &receiver{
		app: &app{
			console: &console{out: &out, err: &hints, getenv: func(string) string { return "" }},
			format:  "table",
		},
		key: key, status: http.StatusNoContent,
	}

	server := httptest.NewServer(l)
	defer server.Close()

	hosts, err := webhook.ParseHosts("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}

	send := func(secret string) error {
		sender, err := webhook.NewSender(hosts, secret)
		if err != nil {
			t.Fatal(err)
		}

		return sender.Send(t.Context(), server.URL,
			webhook.NewEvent("id", webhook.TypeJobEnded, "3f9a", time.Unix(0, 0),
				[]byte(`{"job_type":"hello_world","status":"completed"}`)))
	}

	if err := send(secret('a')); err != nil {
		t.Error(err)
	}

	if got := out.String(); got != "1970-01-01T00:00:00Z  coremachine.job.ended  3f9a hello_world completed\n" {
		t.Errorf("printed %q", got)
	}

	if err := send(secret('b')); err == nil || !strings.Contains(err.Error(), "answered 401") {
		t.Errorf("a wrong secret: %v", err)
	}

	if got := hints.String(); !strings.Contains(got, "signature is wrong") {
		t.Errorf("hinted %q", got)
	}

	l.status = http.StatusInternalServerError

	if err := send(secret('a')); err == nil || !strings.Contains(err.Error(), "answered 500") {
		t.Errorf("with --status 500: %v", err)
	}
}
