package chat_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"example.com/wordcount/internal/chat"
)

const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

func TestForwardPostsVerifiedEventsOnly(t *testing.T) {
	t.Parallel()

	var got string

	status := http.StatusOK
	room := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)

		w.WriteHeader(status)
	}))
	t.Cleanup(room.Close)

	forward, err := chat.Forward(secret, room.URL)
	if err != nil {
		t.Fatal(err)
	}

	key, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}

	const body = `{"type":"coremachine.job.ended","subject":"3f9a1c2e5566","data":{"job_type":"word_count","status":"failed",` +
		`"error":{"message":"1 of 2 tasks failed"}}}`

	send := func(signed string) int {
		now := time.Now()

		signature, err := key.Sign("1", now, []byte(signed))
		if err != nil {
			t.Fatal(err)
		}

		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		req.Header.Set("webhook-id", "1")
		req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
		req.Header.Set("webhook-signature", signature)

		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, req)

		return answer.Code
	}

	if code := send(body + " "); code != http.StatusUnauthorized || got != "" {
		t.Errorf("a wrong signature is answered with %d, the chat got %s", code, got)
	}

	if code := send(body); code != http.StatusOK || got != `{"text":"word_count 3f9a1c2e is failed: 1 of 2 tasks failed"}` {
		t.Errorf("answered with %d, the chat got %s", code, got)
	}

	status = http.StatusInternalServerError

	if code := send(body); code != http.StatusBadGateway {
		t.Errorf("answered with %d while the chat fails, want 502, so that the service tries again", code)
	}
}
