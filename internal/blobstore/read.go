package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"coremachine/internal/handlers"
)

// block returns a client for one blob, and a context with which its requests
// are tried three times. A task sends hundreds of them, and the engine would
// repeat them all after a single one failed.
func (s *Store) block(ctx context.Context, container, name string) (*blockblob.Client, context.Context) {
	client := s.client.ServiceClient().NewContainerClient(container).NewBlockBlobClient(name)

	return client, policy.WithRetryOptions(ctx, s.requests)
}

// Stat implements handlers.BlobReader.
func (s *Store) Stat(ctx context.Context, container, name string) (handlers.BlobInfo, error) {
	client, retrying := s.block(ctx, container, name)

	p, err := client.GetProperties(retrying, nil)
	if err != nil {
		return handlers.BlobInfo{}, storageError(ctx, err)
	}

	return handlers.BlobInfo{
		Size:        deref(p.ContentLength),
		ETag:        string(deref(p.ETag)),
		ContentType: deref(p.ContentType),
		Modified:    deref(p.LastModified).UTC(),
		Archived:    deref(p.AccessTier) == string(blob.AccessTierArchive),
	}, nil
}

// ReadAt implements handlers.BlobReader.
func (s *Store) ReadAt(ctx context.Context, container, name, etag string, p []byte, offset int64) error {
	if len(p) == 0 {
		return nil
	}

	client, retrying := s.block(ctx, container, name)

	resp, err := client.DownloadStream(retrying, &blob.DownloadStreamOptions{
		Range:            blob.HTTPRange{Offset: offset, Count: int64(len(p))},
		AccessConditions: ifMatch(etag),
	})
	if err != nil {
		return storageError(ctx, err)
	}

	body := resp.NewRetryReader(retrying, &blob.RetryReaderOptions{MaxRetries: s.requests.MaxRetries})
	defer func() { _ = body.Close() }()

	got := deref(resp.ContentLength)
	switch {
	case got < int64(len(p)):
		return fmt.Errorf("%w: %d bytes from offset %d, of which %d exist", handlers.ErrOutOfRange, len(p), offset, got)
	case got > int64(len(p)):
		return storageError(ctx, errors.New("the response is not the requested range"))
	}

	if _, err := io.ReadFull(body, p); err != nil {
		return storageError(ctx, err)
	}

	return nil
}

func ifMatch(etag string) *blob.AccessConditions {
	if etag == "" {
		return nil
	}

	tag := azcore.ETag(etag)

	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &tag}}
}

func conditions(o handlers.WriteOptions) *blob.AccessConditions {
	if !o.IfAbsent {
		return ifMatch(o.IfMatch)
	}

	anyTag := azcore.ETagAny

	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &anyTag}}
}
