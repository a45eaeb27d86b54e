package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"time"

	"coremachine/internal/webhook"
)

// callbackURL is the parameter with the URL that is notified when a job ends.
const callbackURL = "callback_url"

// Callbacks checks callback URLs and sends events to them. webhook.Sender is
// it.
type Callbacks interface {
	Check(callback string) error
	Send(ctx context.Context, callback string, event webhook.Event) error
}

// sampleSent says how a sample went.
type sampleSent struct {
	Delivered bool   `json:"delivered"`
	Error     string `json:"error,omitempty"` // why it was not delivered
}

// sendSample sends an event without a job, so that a receiver can be tried.
func (a *API) sendSample(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r, callbackURL)

	callback := a.callback(q)
	if callback == "" && q.err() == nil {
		q.wrong(callbackURL, "is missing")
	}

	if err := q.err(); err != nil {
		a.fail(w, r, err)
		return
	}

	sample := webhook.NewEvent("sample/"+rand.Text(), webhook.TypeSample, "", time.Now(),
		json.RawMessage(`{"message":"This is a sample."}`))

	answer := sampleSent{Delivered: true}
	if err := a.Callbacks.Send(r.Context(), callback, sample); err != nil {
		answer = sampleSent{Error: err.Error()}
	}

	a.ok(w, r, answer)
}

// callback reads the callback URL of a request. It is empty if there is none,
// or if it may not be called: then q holds the reason.
func (a *API) callback(q *query) string {
	callback := q.text(callbackURL)
	if callback == "" {
		return ""
	}

	callbacks := a.Callbacks
	if callbacks == nil {
		callbacks = &webhook.Sender{} // refuses every URL
	}

	if err := callbacks.Check(callback); err != nil {
		q.wrong(callbackURL, "%v", err)
		return ""
	}

	return callback
}
