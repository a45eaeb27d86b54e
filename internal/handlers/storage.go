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
	BlobReader
	BlobWriter
}

// BlobReader reads blobs.
type BlobReader interface {
	// Pages streams the blobs of a container whose names begin with prefix, in
	// the order of their names. A page has at most size blobs, up to MaxPage.
	// The stream ends after the first error. The caller owns the pages.
	Pages(ctx context.Context, container, prefix string, size int) iter.Seq2[[]Blob, error]
	// Head returns the first n bytes of a blob, or fewer if the blob is
	// shorter.
	Head(ctx context.Context, container, name string, n int) ([]byte, error)
	// Stat returns the properties of a blob.
	Stat(ctx context.Context, container, name string) (BlobInfo, error)
	// ReadAt fills p with the bytes from an offset. If etag is not empty and the
	// blob has another one, the error is ErrBlobChanged. If the blob ends
	// before, the error is ErrOutOfRange.
	ReadAt(ctx context.Context, container, name, etag string, p []byte, offset int64) error
}

// StorageError is the reason why storage did not serve a request.
type StorageError string

// Errors of storage.
const (
	ErrNoContainer     StorageError = "no such container"
	ErrNoBlob          StorageError = "no such blob"
	ErrBlobChanged     StorageError = "the blob has changed"
	ErrBlobExists      StorageError = "the blob exists"
	ErrOutOfRange      StorageError = "the range is beyond the end of the blob"
	ErrNoBlock         StorageError = "a block of the list is not staged"
	ErrBlockLimit      StorageError = "the block is outside the limits of storage"
	ErrStorageRejected StorageError = "storage rejects the request"
	// archived, or encrypted with a customer-provided key.
	ErrBlobUnreadable     StorageError = "the blob is not readable in its current state"
	ErrStorageBusy        StorageError = "storage is throttling"
	ErrStorageUnreachable StorageError = "storage cannot be reached"
	ErrNoStorage          StorageError = "no storage account is configured: set STORAGE or STORAGE__blobServiceUri"
)

// Error implements the error interface, so that errors.Is finds each reason.
func (f StorageError) Error() string { return string(f) }
