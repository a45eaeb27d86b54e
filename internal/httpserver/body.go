package httpserver

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// LimitBodies gives each request's body a time within which it must have
// arrived; after it, reading the body fails. The time of an answer is not
// bounded, so that streams last.
func LimitBodies(within time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}

		control := http.NewResponseController(w)
		if control.SetReadDeadline(time.Now().Add(within)) == nil {
			// The server watches a connection whose body was read for its
			// end, and would take the deadline for that.
			r.Body = &body{ReadCloser: r.Body, whole: func() { _ = control.SetReadDeadline(time.Time{}) }}
		}

		next.ServeHTTP(w, r)
	})
}

// body calls whole when all of it was read.
type body struct {
	io.ReadCloser
	whole func()
}

// Read reads on and notices the end.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && b.whole != nil {
		b.whole()
		b.whole = nil
	}

	return n, err
}

// lastWords is how long a connection is read from after its last answer, so
// that a client which is still sending gets to read it.
const lastWords = time.Second

// Dismiss says, before an answer is written, that the request's body will not
// be read: the answer goes out at once, and the connection ends after it.
func Dismiss(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lastWords)) // a test's recorder has none
}
