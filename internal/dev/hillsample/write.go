package hillsample

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// Write creates the container if necessary, and writes the raster to a blob. It
// returns the size in bytes.
func Write(ctx context.Context, connection, container, name string, o Options) (int64, error) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()

	client, err := azblob.NewClientFromConnectionString(
		connection,
		&azblob.ClientOptions{ClientOptions: policy.ClientOptions{
			Transport: &http.Client{Transport: transport, Timeout: time.Minute},
		}},
	)
	if err != nil {
		return 0, errors.New("hillsample: invalid connection string of a storage account")
	}

	_, err = client.CreateContainer(ctx, container, nil)
	if err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return 0, fmt.Errorf("hillsample: %w", err)
	}

	blocks := client.ServiceClient().NewContainerClient(container).NewBlockBlobClient(name)

	var (
		mu    sync.Mutex
		total int64
	)

	n, err := Encode(ctx, o, func(ctx context.Context, number int, data []byte) error {
		mu.Lock()
		total += int64(len(data))
		mu.Unlock()

		_, err := blocks.StageBlock(ctx, blockID(number), streaming.NopCloser(bytes.NewReader(data)), nil)

		return err
	})
	if err != nil {
		return 0, fmt.Errorf("hillsample: %w", err)
	}

	ids := make([]string, n)
	for i := range ids {
		ids[i] = blockID(i)
	}

	contentType := "image/tiff; application=geotiff"

	_, err = blocks.CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{
		HTTPHeaders: &blob.HTTPHeaders{BlobContentType: &contentType},
	})
	if err != nil {
		return 0, fmt.Errorf("hillsample: %w", err)
	}

	return total, nil
}

func blockID(number int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "part-%06d", number))
}
