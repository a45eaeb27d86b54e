package httpserver

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// writeLimit is how long one write to a stream may take.
const writeLimit = 10 * time.Second

// Stream is one open stream. Events and beats are kept until Flush. It is not
// safe for concurrent use.
type Stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	out     bytes.Buffer
}

// OpenStream answers 200 with the headers of a stream; a client that loses it
// comes again after a second.
func OpenStream(w http.ResponseWriter) *Stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	s := &Stream{w: w, control: http.NewResponseController(w)}
	s.out.WriteString("retry: 1000\n\n")

	return s
}

// Event adds an event; without a name it is a plain message, and without an id
// the last one stays. Line breaks of data are kept.
func (s *Stream) Event(name, id, data string) {
	if name != "" {
		s.out.WriteString("event: " + name + "\n")
	}

	if id != "" {
		s.out.WriteString("id: " + id + "\n")
	}

	data = strings.ReplaceAll(data, "\r", "")
	for line := range strings.SplitSeq(data, "\n") {
		s.out.WriteString("data: " + line + "\n")
	}

	s.out.WriteString("\n")
}

// Beat adds a comment, which no client shows.
func (s *Stream) Beat() { s.out.WriteString(": still here\n\n") }

// Flush sends what was added.
func (s *Stream) Flush() error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeLimit)) // not every writer can
	if _, err := s.w.Write(s.out.Bytes()); err != nil {
		return err
	}

	s.out.Reset()

	return s.control.Flush()
}
