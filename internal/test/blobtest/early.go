package blobtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// Early returns the connection string of an account that refuses the first n
// requests before it has read their bodies, which it then reads. It accepts
// each later request if accept accepts the body.
func Early(t testing.TB, n int64, accept func(body []byte, err error)) (connection string) {
	t.Helper()

	var requests atomic.Int64

	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > n {
			accept(io.ReadAll(r.Body))
			w.WriteHeader(http.StatusCreated)

			return
		}

		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil {
			t.Error(err)
		}

		w.Header().Set("Content-Length", "0")
		w.Header().Set("X-Ms-Error-Code", "ServerBusy")
		w.WriteHeader(http.StatusServiceUnavailable)

		_ = control.Flush() // the client may have disconnected
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(front.Close)

	return connectionTo(front, "early")
}
