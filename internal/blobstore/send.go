package blobstore

import (
	"io"
	"net/http"
	"sync"
)

// sender sends each try of a request with a body of its own. The client of
// storage repeats a request with the same reader, which the connection of the
// earlier try may still read if storage answered early. Then both would send
// parts of the data.
type sender struct{ client *http.Client }

// Do implements policy.Transporter.
func (s sender) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return s.client.Do(r) //nolint:gosec // G704: the address is that of the configured account
	}

	body := &tryBody{body: r.Body}
	defer func() { body.end() }()

	try := r.WithContext(r.Context()) // a copy
	try.Body = body

	if again := r.GetBody; again != nil {
		try.GetBody = func() (io.ReadCloser, error) {
			body.end()

			raw, err := again()
			if err != nil {
				return nil, err
			}

			body = &tryBody{body: raw}

			return body, nil
		}
	}

	return s.client.Do(try) //nolint:gosec // as above
}

// tryBody is the body of one try. After end it does not read the data again.
type tryBody struct {
	mu    sync.Mutex
	body  io.ReadCloser
	ended bool
}

// Read implements io.Reader.
func (b *tryBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	if b.ended {
		return 0, io.EOF // the connection notices if this is too early
	}

	return b.body.Read(p)
}

// Close implements io.Closer.
func (b *tryBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()

	if b.ended {
		return nil
	}

	return b.body.Close()
}

// end waits for a read in progress, and is followed by none.
func (b *tryBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.ended = true
}
