package handlers

import (
	"context"
	"fmt"
	"time"
)

// Limits of block blobs, which Azure enforces.
const (
	// MaxBlocks is the maximum number of blocks of a blob.
	MaxBlocks = 50_000
	// MaxStagedBlocks is the maximum number of uncommitted blocks of a blob.
	MaxStagedBlocks = 100_000
	// MaxBlockID is the maximum length of a block ID in bytes. All IDs of a blob
	// have the same length.
	MaxBlockID = 64
	// MaxBlockSize is the maximum size of a block in bytes. Azure accepts
	// larger ones, but a block is held in memory.
	MaxBlockSize = 256 << 20
)

// BlobInfo holds the properties of one version of a blob.
type BlobInfo struct {
	Size        int64
	ETag        string
	ContentType string
	Modified    time.Time
	Archived    bool // not readable until it is rehydrated
}

// Block is a block of a block blob.
type Block struct {
	ID   string // as passed to Stage
	Size int64  // bytes
}

// BlockList holds the blocks of a blob.
type BlockList struct {
	Committed   []Block // in the order of the blob's bytes
	Uncommitted []Block // staged since the last commit
}

// WriteOptions holds the properties and the conditions of a write. At most one
// condition is set.
type WriteOptions struct {
	ContentType string // "": application/octet-stream
	IfAbsent    bool   // if the blob exists, the error is ErrBlobExists
	IfMatch     string // if the blob has another ETag, the error is ErrBlobChanged; "": no condition
}

// BlobWriter writes blobs. A repeated call has the effect of one call, unless
// its condition no longer holds.
type BlobWriter interface {
	// Put writes a small blob in one request.
	Put(ctx context.Context, container, name string, data []byte, o WriteOptions) (BlobInfo, error)
	// Stage uploads a block, which becomes a part of the blob when a list that
	// names it is committed. A block with the same ID is replaced. If data is
	// empty or larger than MaxBlockSize, or the ID is longer than MaxBlockID or
	// has another length than the other IDs of the blob, the error is
	// ErrBlockLimit. Storage discards uncommitted blocks after a week.
	Stage(ctx context.Context, container, name, id string, data []byte) error
	// Blocks returns the blocks of a blob. If the blob has only uncommitted
	// blocks, it does not exist for readers. Without any block, the error is
	// ErrNoBlob.
	Blocks(ctx context.Context, container, name string) (BlockList, error)
	// Commit makes the blob consist of the named blocks, in this order, and
	// discards all other blocks that are staged. It takes committed blocks too.
	// If a block does not exist, the error is ErrNoBlock. If the list has more
	// than MaxBlocks IDs, the error is ErrBlockLimit.
	Commit(ctx context.Context, container, name string, ids []string, o WriteOptions) (BlobInfo, error)
	// Discard removes the uncommitted blocks of a blob that does not exist. If
	// the blob exists, Discard changes nothing.
	Discard(ctx context.Context, container, name string) error
	// Delete deletes a blob. A blob that does not exist is not an error. If etag
	// is not empty and the blob has another one, the error is ErrBlobChanged.
	Delete(ctx context.Context, container, name, etag string) error
}

// CheckBlock returns ErrBlockLimit if storage would reject a block, or if it
// would accept a block that no blob needs.
func CheckBlock(id string, size int) error {
	switch {
	case id == "" || len(id) > MaxBlockID:
		return fmt.Errorf("%w: the ID has %d bytes, want 1 to %d", ErrBlockLimit, len(id), MaxBlockID)
	case size == 0 || size > MaxBlockSize:
		return fmt.Errorf("%w: the block has %d bytes, want 1 to %d", ErrBlockLimit, size, MaxBlockSize)
	}

	return nil
}

// CheckBlocks returns ErrBlockLimit if a list has too many blocks, or IDs of
// different lengths.
func CheckBlocks(ids []string) error {
	if len(ids) > MaxBlocks {
		return fmt.Errorf("%w: the list has %d blocks, above the maximum of %d", ErrBlockLimit, len(ids), MaxBlocks)
	}

	for _, id := range ids {
		if id == "" || len(id) > MaxBlockID || len(id) != len(ids[0]) {
			return fmt.Errorf("%w: the IDs of the list have different lengths", ErrBlockLimit)
		}
	}

	return nil
}
