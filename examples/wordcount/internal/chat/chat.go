// Package chat forwards the ends of jobs to a chat.
package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// event is the part of a notification that the message needs.
type event struct {
	Type    string `json:"type"`
	Subject string `json:"subject"`
	Data    struct {
		JobType string `json:"job_type"`
		Status  string `json:"status"`
		Error   *struct {
			Message string `json:"message"`
		} `json:"error"`
	} `json:"data"`
}

func (e event) text() string {
	if e.Type == "coremachine.sample" {
		return "This is a sample."
	}

	text := fmt.Sprintf("%s %s is %s", e.Data.JobType, e.Subject[:min(8, len(e.Subject))], e.Data.Status)
	if e.Data.Error != nil {
		text += ": " + e.Data.Error.Message
	}

	return text
}

// Forward returns a receiver of notifications. It verifies each one with the
// CALLBACK_SECRET of the service, and posts its text to the incoming webhook of a
// chat, for example of Teams, Slack or Mattermost.
func Forward(secret, chatURL string) (http.Handler, error) {
	key, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, fmt.Errorf("CALLBACK_SECRET: %w", err)
	}

	client := &http.Client{Timeout: 5 * time.Second} // the service waits for 10 s

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "The body cannot be read.", http.StatusBadRequest)
			return
		}

		if err := key.Verify(body, r.Header); err != nil {
			http.Error(w, "The signature is wrong.", http.StatusUnauthorized)
			return
		}

		var e event
		if err := json.Unmarshal(body, &e); err != nil {
			http.Error(w, "The body is not an event.", http.StatusBadRequest)
			return
		}

		message, err := json.Marshal(map[string]string{"text": e.text()})
		if err != nil {
			http.Error(w, "The message cannot be written.", http.StatusInternalServerError)
			return
		}

		if err := post(r, client, chatURL, message); err != nil {
			http.Error(w, "The chat did not accept the message.", http.StatusBadGateway) // the service tries again
		}
	}), nil
}

func post(r *http.Request, client *http.Client, url string, message []byte) error {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url, bytes.NewReader(message))
	if err != nil {
		return err
	}

	req.Header.Set("Content-Type", "application/json")

	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()

	if resp.StatusCode >= 300 {
		return fmt.Errorf("the chat answered %d", resp.StatusCode)
	}

	return nil
}
