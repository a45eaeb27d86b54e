package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"coremachine/internal/api"
	"coremachine/internal/webhook"
)

// callbacks allows one URL. Sending to it fails with the given error.
type callbacks struct {
	fail error
	sent []webhook.Event
}

const hook = "https://hooks.example.com/x?token=secret"

func (c *callbacks) Check(callback string) error {
	if callback != hook {
		return errors.New("is not in CALLBACK_HOSTS")
	}

	return nil
}

func (c *callbacks) Send(_ context.Context, _ string, event webhook.Event) error {
	c.sent = append(c.sent, event)

	return c.fail
}

func TestASampleIsSentToACallbackURL(t *testing.T) {
	t.Parallel()

	c := &callbacks{}
	s := start(t, fakeEngine{}, func(o *api.Options) { o.Callbacks = c })
	path := func(callback string) string {
		return "/notifications/sample?callback_url=" + url.QueryEscape(callback)
	}

	var got struct {
		Delivered bool
		Error     string
	}

	s.call(http.MethodPost, path(hook), nil).must(http.StatusOK).into(&got)

	if !got.Delivered || got.Error != "" || len(c.sent) != 1 || c.sent[0].Type != webhook.TypeSample ||
		!strings.HasPrefix(c.sent[0].ID, "sample/") {
		t.Errorf("got %+v, sent %+v", got, c.sent)
	}

	c.fail = errors.New("the receiver answered 500")

	s.call(http.MethodPost, path(hook), nil).must(http.StatusOK).into(&got)

	if got.Delivered || got.Error != "the receiver answered 500" {
		t.Errorf("got %+v", got)
	}

	for callback, want := range map[string]string{
		"https://other.example.com/":                     "is not in CALLBACK_HOSTS",
		"https://a.test/" + strings.Repeat("x", 2048):    "must be text of at most 2048 bytes",
		"https://hooks.example.com/" + string([]byte{0}): "must be text of at most 2048 bytes",
	} {
		p := s.call(http.MethodPost, path(callback), nil).problem(http.StatusBadRequest)
		if len(p.Errors) != 1 || p.Errors[0].Field != "callback_url" || p.Errors[0].Message != want {
			t.Errorf("%.60q: %+v", callback, p.Errors)
		}
	}

	if len(c.sent) != 2 {
		t.Errorf("%d events were sent, want 2", len(c.sent))
	}
}

func TestCallbackURLsAreRefusedWithoutHosts(t *testing.T) {
	t.Parallel()

	p := start(t, fakeEngine{}).call(http.MethodPost, "/notifications/sample?callback_url="+url.QueryEscape(hook), nil).
		problem(http.StatusBadRequest)
	if len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Message, "CALLBACK_HOSTS lists no host") {
		t.Errorf("got %+v", p.Errors)
	}
}
