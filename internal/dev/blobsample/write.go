package blobsample

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // a checksum of storage, not for protection
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"
)

// Count is a number of blobs and of their bytes.
type Count struct {
	Blobs int
	Bytes int64
}

// Written describes what Write wrote, counted during writing.
type Written struct {
	Total         Count
	ByExtension   map[string]Count
	ByContentType map[string]Count
	ByFolder      map[string]Count
	ByKind        map[string]int // by content, not by extension
	Lies          int            // blobs with the extension of another kind
	Copies        Count          // blobs with the same content as another one
}

// maxConcurrent is the number of concurrent writes.
const maxConcurrent = 32

// Write creates the container if necessary and writes the first n items.
func Write(ctx context.Context, connection, name string, n int) (Written, error) {
	w := Written{
		ByExtension:   map[string]Count{},
		ByContentType: map[string]Count{},
		ByFolder:      map[string]Count{},
		ByKind:        map[string]int{},
	}

	client, closeIdle, err := open(ctx, connection, name)
	if err != nil {
		return w, err
	}
	defer closeIdle()

	into := client.ServiceClient().NewContainerClient(name)
	writers, writing := errgroup.WithContext(ctx)
	writers.SetLimit(maxConcurrent)

	for it := range Items(n) {
		if writing.Err() != nil {
			break
		}

		w.add(it)
		writers.Go(func() error { return write(writing, into, it) })
	}

	if err := writers.Wait(); err != nil {
		return w, fmt.Errorf("blobsample: %w", err)
	}

	return w, ctx.Err()
}

// WriteFile creates the container if necessary and writes a file to a blob.
func WriteFile(ctx context.Context, connection, name, blobName, contentType string, file *os.File) error {
	client, closeIdle, err := open(ctx, connection, name)
	if err != nil {
		return err
	}
	defer closeIdle()

	_, err = client.UploadFile(ctx, name, blobName, file, &azblob.UploadFileOptions{
		HTTPHeaders: &blob.HTTPHeaders{BlobContentType: &contentType},
	})
	if err != nil {
		return fmt.Errorf("blobsample: %w", err)
	}

	return nil
}

// open returns a client of the account, and creates the container if necessary.
// The caller calls closeIdle when the client is not used any more.
func open(ctx context.Context, connection, name string) (client *azblob.Client, closeIdle func(), err error) {
	transport := &http.Transport{MaxIdleConnsPerHost: maxConcurrent}

	client, err = azblob.NewClientFromConnectionString(
		connection,
		&azblob.ClientOptions{ClientOptions: policy.ClientOptions{
			Transport: &http.Client{Transport: transport, Timeout: time.Minute},
		}},
	)
	if err != nil {
		return nil, nil, errors.New("blobsample: invalid connection string of a storage account")
	}

	_, err = client.CreateContainer(ctx, name, nil)
	if err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		transport.CloseIdleConnections()

		return nil, nil, fmt.Errorf("blobsample: %w", err)
	}

	return client, transport.CloseIdleConnections, nil
}

func write(ctx context.Context, into *container.Client, it Item) error {
	sum := md5.Sum(it.Content) //nolint:gosec // as above
	_, err := into.NewBlockBlobClient(it.Name).
		Upload(ctx, streaming.NopCloser(bytes.NewReader(it.Content)), &blockblob.UploadOptions{
			HTTPHeaders: &blob.HTTPHeaders{BlobContentType: &it.ContentType, BlobContentMD5: sum[:]},
		})

	return err
}

func (w *Written) add(it Item) {
	size := int64(len(it.Content))
	w.Total = w.Total.plus(size)
	w.ByExtension[it.extension] = w.ByExtension[it.extension].plus(size)
	w.ByContentType[it.ContentType] = w.ByContentType[it.ContentType].plus(size)
	w.ByFolder[it.folder] = w.ByFolder[it.folder].plus(size)

	w.ByKind[it.kind]++
	if it.lies {
		w.Lies++
	}

	if it.copyOf >= 0 {
		w.Copies = w.Copies.plus(size)
	}
}

func (c Count) plus(size int64) Count { return Count{c.Blobs + 1, c.Bytes + size} }
