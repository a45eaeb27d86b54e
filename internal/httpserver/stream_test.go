package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"coremachine/internal/httpserver"
)

func TestEventDataCannotStartAnotherEvent(t *testing.T) {
	t.Parallel()

	got := sent(t, func(s *httpserver.Stream) { s.Event("title", "", "one\r\n\r\nevent: done\ndata: x") })
	if want := "event: title\ndata: one\ndata: \ndata: event: done\ndata: data: x\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStreamFormat(t *testing.T) {
	t.Parallel()

	got := sent(t, func(s *httpserver.Stream) {
		s.Event("job", "7", `{"n":1}`)
		s.Event("", "8", "plain")
		s.Beat()
	})
	if want := "event: job\nid: 7\ndata: {\"n\":1}\n\nid: 8\ndata: plain\n\n: still here\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// sent returns what a stream sends after its opening.
func sent(t *testing.T, add func(*httpserver.Stream)) string {
	t.Helper()

	w := httptest.NewRecorder()

	s := httpserver.OpenStream(w)
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}

	h := w.Header()
	if w.Code != http.StatusOK || h.Get("Content-Type") != "text/event-stream" ||
		h.Get("Cache-Control") != "no-store, no-transform" || h.Get("X-Accel-Buffering") != "no" ||
		w.Body.String() != "retry: 1000\n\n" {
		t.Errorf("the stream opens with status %d, headers %v and body %q", w.Code, h, w.Body)
	}

	w.Body.Reset()
	add(s)

	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}

	return w.Body.String()
}
