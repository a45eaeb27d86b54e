package sse_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"coremachine/internal/sse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatIsSentCannotBreakOutOfItsMessage(t *testing.T) {
	t.Parallel()

	got := sent(t, func(s *sse.Stream) { s.Event("title", "", "one\r\n\r\nevent: done\ndata: x") })
	if want := "event: title\ndata: one\ndata: \ndata: event: done\ndata: data: x\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheFormOfEventsAndBeats(t *testing.T) {
	t.Parallel()

	got := sent(t, func(s *sse.Stream) {
		s.Event("job", "7", `{"n":1}`)
		s.Event("", "8", "plain")
		s.Beat()
	})
	if want := "event: job\nid: 7\ndata: {\"n\":1}\n\nid: 8\ndata: plain\n\n: still here\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// sent is what a stream sends after its opening.
func sent(t *testing.T, add func(*sse.Stream)) string {
	t.Helper()

	w := httptest.NewRecorder()

	s := sse.Open(w)
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}

	h := w.Header()
	if w.Code != http.StatusOK || h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store, no-transform" ||
		h.Get("X-Accel-Buffering") != "no" ||
		w.Body.String() != "retry: 1000\n\n" {
		t.Errorf("it opens with %d, %v and %q", w.Code, h, w.Body)
	}

	w.Body.Reset()
	add(s)

	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}

	return w.Body.String()
}
