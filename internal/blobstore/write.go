package blobstore

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // a checksum of storage, not for protection
	"encoding/base64"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"coremachine/internal/handlers"
)

// Put implements handlers.BlobWriter.
func (s *Store) Put(
	ctx context.Context, container, name string, data []byte, o handlers.WriteOptions,
) (handlers.BlobInfo, error) {
	client, retrying := s.block(ctx, container, name)

	resp, err := client.Upload(retrying, streaming.NopCloser(bytes.NewReader(data)), &blockblob.UploadOptions{
		HTTPHeaders:             contentType(o),
		AccessConditions:        conditions(o),
		TransactionalValidation: checksum(data),
	})
	if err != nil {
		return handlers.BlobInfo{}, storageError(ctx, err)
	}

	return written(resp.ETag, resp.LastModified, int64(len(data)), o), nil
}

// Stage implements handlers.BlobWriter. Azurite accepts an empty block, so the
// limits are checked here.
func (s *Store) Stage(ctx context.Context, container, name, id string, data []byte) error {
	if err := handlers.CheckBlock(id, len(data)); err != nil {
		return err
	}

	client, retrying := s.block(ctx, container, name)

	_, err := client.StageBlock(
		retrying,
		base64.StdEncoding.EncodeToString([]byte(id)),
		streaming.NopCloser(bytes.NewReader(data)),
		&blockblob.StageBlockOptions{TransactionalValidation: checksum(data)},
	)
	if err != nil {
		return storageError(ctx, err)
	}

	return nil
}

// Blocks implements handlers.BlobWriter.
func (s *Store) Blocks(ctx context.Context, container, name string) (handlers.BlockList, error) {
	client, retrying := s.block(ctx, container, name)

	resp, err := client.GetBlockList(retrying, blockblob.BlockListTypeAll, nil)
	if err != nil {
		return handlers.BlockList{}, storageError(ctx, err)
	}

	return handlers.BlockList{
		Committed:   blocksOf(resp.CommittedBlocks),
		Uncommitted: blocksOf(resp.UncommittedBlocks),
	}, nil
}

func blocksOf(list []*blockblob.Block) []handlers.Block {
	blocks := make([]handlers.Block, 0, len(list))

	for _, b := range list {
		id := deref(b.Name)
		if text, err := base64.StdEncoding.DecodeString(id); err == nil {
			id = string(text)
		}

		blocks = append(blocks, handlers.Block{ID: id, Size: deref(b.Size)})
	}

	return blocks
}

// Commit implements handlers.BlobWriter. Azurite accepts a list of any length,
// so the limits are checked here.
func (s *Store) Commit(
	ctx context.Context, container, name string, ids []string, o handlers.WriteOptions,
) (handlers.BlobInfo, error) {
	if err := handlers.CheckBlocks(ids); err != nil {
		return handlers.BlobInfo{}, err
	}

	client, retrying := s.block(ctx, container, name)

	encoded := make([]string, len(ids))
	for i, id := range ids {
		encoded[i] = base64.StdEncoding.EncodeToString([]byte(id))
	}

	resp, err := client.CommitBlockList(retrying, encoded, &blockblob.CommitBlockListOptions{
		HTTPHeaders:      contentType(o),
		AccessConditions: conditions(o),
	})
	if err != nil {
		return handlers.BlobInfo{}, storageError(ctx, err)
	}

	return written(resp.ETag, resp.LastModified, 0, o), nil
}

// Discard implements handlers.BlobWriter. Storage has no request for this, but
// an empty blob that replaces the blocks can be deleted. A commit discards the
// blocks in Azurite too, which keeps them after a put.
func (s *Store) Discard(ctx context.Context, container, name string) error {
	info, err := s.Commit(ctx, container, name, nil, handlers.WriteOptions{IfAbsent: true})
	if errors.Is(err, handlers.ErrBlobExists) {
		return nil
	}

	if err != nil {
		return err
	}

	err = s.Delete(ctx, container, name, info.ETag)
	if errors.Is(err, handlers.ErrBlobChanged) { // another writer has replaced the empty blob
		return nil
	}

	return err
}

// Delete implements handlers.BlobWriter.
func (s *Store) Delete(ctx context.Context, container, name, etag string) error {
	client, retrying := s.block(ctx, container, name)

	_, err := client.Delete(retrying, &blob.DeleteOptions{AccessConditions: ifMatch(etag)})
	if err == nil || bloberror.HasCode(err, bloberror.BlobNotFound) {
		return nil
	}

	err = storageError(ctx, err)
	if !errors.Is(err, handlers.ErrBlobChanged) {
		return err
	}

	// Azurite says so about a blob that does not exist, too.
	if _, found := s.Stat(ctx, container, name); errors.Is(found, handlers.ErrNoBlob) {
		return nil
	}

	return err
}

// checksum makes storage reject data that were damaged on the way. Azurite does
// not support CRC64.
func checksum(data []byte) blob.TransferValidationType {
	sum := md5.Sum(data) //nolint:gosec // a checksum of storage, not for protection
	return blob.TransferValidationTypeMD5(sum[:])
}

func contentType(o handlers.WriteOptions) *blob.HTTPHeaders {
	if o.ContentType == "" {
		return nil
	}

	return &blob.HTTPHeaders{BlobContentType: &o.ContentType}
}

func written(tag *azcore.ETag, modified *time.Time, size int64, o handlers.WriteOptions) handlers.BlobInfo {
	return handlers.BlobInfo{
		Size: size, ETag: string(deref(tag)), ContentType: o.ContentType, Modified: deref(modified).UTC(),
	}
}
