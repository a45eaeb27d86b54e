package handlers

import (
	"context"
	"iter"
	"time"
)

// MaxPage is the most blobs of one page of a listing.
const MaxPage = 5000

// Blob is one blob of a listing.
type Blob struct {
	Name        string    `json:"name"`
	Size        int64     `json:"size"` // bytes
	ContentType string    `json:"content_type,omitzero"`
	MD5         []byte    `json:"md5,omitempty"` // of its content, 16 bytes; storage does not know it of every blob
	Modified    time.Time `json:"modified"`
}

// Blobs is blob storage as handlers and pre-flight checks see it. Errors are or
// wrap a StorageError, apart from those of a context that ended; where storage
// said when to come again, RetryDelay knows.
type Blobs interface {
	// Pages streams the blobs of a container whose names begin with prefix, in
	// the order of their names, at most size (up to MaxPage) at once. It ends
	// after the first error. A page is the caller's to keep.
	Pages(ctx context.Context, container, prefix string, size int) iter.Seq2[[]Blob, error]
	// Head returns the first n bytes of a blob, fewer where it is shorter.
	Head(ctx context.Context, container, name string, n int) ([]byte, error)
}

// StorageError is why storage did not do what was asked of it.
type StorageError string

// Faults of storage.
const (
	ErrNoContainer    StorageError = "there is no such container"
	ErrNoBlob         StorageError = "there is no such blob"
	ErrStorageRefuses StorageError = "storage refuses it"
	ErrBlobUnreadable StorageError = "the blob cannot be read as it is" // archived, or encrypted with its owner's key
	ErrStorageBusy    StorageError = "storage has too much to do"
	ErrStorageAway    StorageError = "storage cannot be reached"
	ErrNoStorage      StorageError = "no storage account is configured: set STORAGE or STORAGE__blobServiceUri"
)

// Error makes each fault an error that errors.Is finds.
func (f StorageError) Error() string { return string(f) }

// NoBlobs is the storage of a process that was told of none: whatever it is
// asked for, it answers ErrNoStorage.
type NoBlobs struct{}

// Pages yields ErrNoStorage.
func (NoBlobs) Pages(context.Context, string, string, int) iter.Seq2[[]Blob, error] {
	return func(yield func([]Blob, error) bool) { yield(nil, ErrNoStorage) }
}

// Head returns ErrNoStorage.
func (NoBlobs) Head(context.Context, string, string, int) ([]byte, error) {
	return nil, ErrNoStorage
}
