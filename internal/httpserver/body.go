package httpserver

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// LimitBodies limits how long the body of a request can take to arrive. After
// that, reading the body fails. The time of a response is not limited, because
// streams stay open.
func LimitBodies(within time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}

		control := http.NewResponseController(w)
		if control.SetReadDeadline(time.Now().Add(within)) == nil {
			// After the body, the server reads on to detect a closed
			// connection. It would take an expired deadline for one.
			r.Body = &body{ReadCloser: r.Body, onEOF: func() { _ = control.SetReadDeadline(time.Time{}) }}
		}

		next.ServeHTTP(w, r)
	})
}

// body calls onEOF once, after the last byte.
type body struct {
	io.ReadCloser
	onEOF func()
}

// Read reads the body and detects its end.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && b.onEOF != nil {
		b.onEOF()
		b.onEOF = nil
	}

	return n, err
}

// drainTimeout is how long the server reads from a connection after its last
// response. It gives a client that is still sending time to read the response.
const drainTimeout = time.Second

// Dismiss must be called before a response is written. The server then does not
// read the body of the request: it sends the response immediately and closes
// the connection.
func Dismiss(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	// A test recorder does not support deadlines.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTimeout))
}
