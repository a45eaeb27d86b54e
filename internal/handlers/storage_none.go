package handlers

import (
	"context"
	"iter"
)

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

// Stat returns ErrNoStorage.
func (NoBlobs) Stat(context.Context, string, string) (BlobInfo, error) {
	return BlobInfo{}, ErrNoStorage
}

// ReadAt returns ErrNoStorage.
func (NoBlobs) ReadAt(context.Context, string, string, string, []byte, int64) error {
	return ErrNoStorage
}

// Put returns ErrNoStorage.
func (NoBlobs) Put(context.Context, string, string, []byte, WriteOptions) (BlobInfo, error) {
	return BlobInfo{}, ErrNoStorage
}

// Stage returns ErrNoStorage.
func (NoBlobs) Stage(context.Context, string, string, string, []byte) error { return ErrNoStorage }

// Blocks returns ErrNoStorage.
func (NoBlobs) Blocks(context.Context, string, string) (BlockList, error) {
	return BlockList{}, ErrNoStorage
}

// Commit returns ErrNoStorage.
func (NoBlobs) Commit(context.Context, string, string, []string, WriteOptions) (BlobInfo, error) {
	return BlobInfo{}, ErrNoStorage
}

// Discard returns ErrNoStorage.
func (NoBlobs) Discard(context.Context, string, string) error { return ErrNoStorage }

// Delete returns ErrNoStorage.
func (NoBlobs) Delete(context.Context, string, string, string) error { return ErrNoStorage }
