package httpserver

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// writeLimit limits the time of one write to a stream.
const writeLimit = 10 * time.Second

// Stream is an open stream of server-sent events. It buffers events and beats
// until Flush. It is not safe for concurrent use.
type Stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	out     bytes.Buffer
}

// OpenStream sends status 200 and the headers of a stream. A client that loses
// the connection reconnects after a second.
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

// Event adds an event. Without a name it is a message event, and without an ID
// the client keeps the last one. Line breaks in data are kept.
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

// Beat adds a comment, which clients ignore.
func (s *Stream) Beat() { s.out.WriteString(": still here\n\n") }

// Flush sends the buffered events and beats.
func (s *Stream) Flush() error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeLimit)) // not every writer supports deadlines
	if _, err := s.w.Write(s.out.Bytes()); err != nil {
		return err
	}

	s.out.Reset()

	return s.control.Flush()
}
