package handlers

import (
	"context"
	"iter"
	"time"
)

// MaxPage is the maximum number of blobs on one page of a listing.
const MaxPage = 5000

// Blob is one blob of a listing.
type Blob struct {
	Name        string    `json:"name"`
	Size        int64     `json:"size"` // bytes
	ContentType string    `json:"content_type,omitzero"`
	MD5         []byte    `json:"md5,omitempty"` // 16 bytes; not set for every blob
	Modified    time.Time `json:"modified"`
}

// Blobs is blob storage as handlers and pre-flight checks see it. Errors are or
// wrap a StorageError, except errors of a context that ended. If storage asked
// the client to wait, RetryDelay returns the wait.
type Blobs interface {
	// Pages streams the blobs of a container whose names begin with prefix, in
	// the order of their names. A page has at most size blobs, up to MaxPage.
	// The stream ends after the first error. The caller owns the pages.
	Pages(ctx context.Context, container, prefix string, size int) iter.Seq2[[]Blob, error]
	// Head returns the first n bytes of a blob, or fewer if the blob is
	// shorter.
	Head(ctx context.Context, container, name string, n int) ([]byte, error)
}

// StorageError is the reason why storage did not serve a request.
type StorageError string

// Errors of storage.
const (
	ErrNoContainer     StorageError = "no such container"
	ErrNoBlob          StorageError = "no such blob"
	ErrStorageRejected StorageError = "storage rejects the request"
	// archived, or encrypted with a customer-provided key.
	ErrBlobUnreadable     StorageError = "the blob is not readable in its current state"
	ErrStorageBusy        StorageError = "storage is throttling"
	ErrStorageUnreachable StorageError = "storage cannot be reached"
	ErrNoStorage          StorageError = "no storage account is configured: set STORAGE or STORAGE__blobServiceUri"
)

// Error implements the error interface, so that errors.Is finds each reason.
func (f StorageError) Error() string { return string(f) }

// NoBlobs is the storage of a process without configured storage. Every call
// returns ErrNoStorage.
type NoBlobs struct{}

// Pages yields ErrNoStorage.
func (NoBlobs) Pages(context.Context, string, string, int) iter.Seq2[[]Blob, error] {
	return func(yield func([]Blob, error) bool) { yield(nil, ErrNoStorage) }
}

// Head returns ErrNoStorage.
func (NoBlobs) Head(context.Context, string, string, int) ([]byte, error) {
	return nil, ErrNoStorage
}
