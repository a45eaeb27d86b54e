package blobstore

import (
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// Options identify an account: either a connection string that contains a key
// or a shared access signature, or the address of the blob service and a
// credential.
type Options struct {
	Connection string
	ServiceURL string
	Credential azcore.TokenCredential
	// PageTries limits the attempts to list a page. Zero means 5.
	PageTries int
	// PageDelay is the delay before the second attempt, also of reads and writes
	// of blobs. It doubles each time, and storage can request more. Zero means
	// 1 s.
	PageDelay time.Duration
}

// Store is a connection to one account. It is safe for concurrent use. Close it
// after the last use.
type Store struct {
	client    *azblob.Client
	transport *http.Transport
	listing   policy.RetryOptions
	requests  policy.RetryOptions
}

// Limits of one request, and the number of idle connections, which is about the
// number of tasks in a process that read at the same time.
const (
	connectTimeout = 10 * time.Second
	headerTimeout  = 30 * time.Second
	tryTimeout     = time.Minute
	maxRetryDelay  = 30 * time.Second
	idleConns      = 256
)

// Open creates a Store without connecting. Its errors do not contain any part
// of the connection string.
func Open(o Options) (*Store, error) {
	const op = "blobstore.Open"

	s := &Store{
		transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   connectTimeout,
			ResponseHeaderTimeout: headerTimeout,
			MaxIdleConnsPerHost:   idleConns,
			IdleConnTimeout:       time.Minute,
			ForceAttemptHTTP2:     true,
		},
		listing: policy.RetryOptions{
			MaxRetries:    4,
			RetryDelay:    time.Second,
			MaxRetryDelay: maxRetryDelay,
			TryTimeout:    tryTimeout,
		},
		requests: policy.RetryOptions{
			MaxRetries:    2,
			RetryDelay:    time.Second,
			MaxRetryDelay: maxRetryDelay,
			TryTimeout:    tryTimeout,
		},
	}
	if o.PageTries > 0 {
		s.listing.MaxRetries = int32(o.PageTries) - 1
	}

	if s.listing.MaxRetries == 0 {
		s.listing.MaxRetries = -1
	}

	if o.PageDelay > 0 {
		s.listing.RetryDelay = o.PageDelay
		s.requests.RetryDelay = o.PageDelay
	}

	options := &azblob.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: sender{&http.Client{Transport: s.transport}},
		Retry:     policy.RetryOptions{MaxRetries: -1, TryTimeout: tryTimeout},
		Telemetry: policy.TelemetryOptions{ApplicationID: "coremachine"},
	}}

	var err error

	switch {
	case o.Connection != "":
		s.client, err = azblob.NewClientFromConnectionString(o.Connection, options)
		if err != nil { // the error may contain a part of the string
			return nil, state.Errorf(
				state.CodeInvalid,
				op,
				"invalid connection string of a storage account: it needs AccountName and AccountKey, "+
					"or BlobEndpoint and SharedAccessSignature",
			)
		}
	case o.Credential == nil:
		return nil, state.Errorf(state.CodeInvalid, op, "a service address needs a credential")
	default:
		s.client, err = azblob.NewClient(o.ServiceURL, o.Credential, options)
		if err != nil {
			return nil, state.Errorf(state.CodeInvalid, op, "invalid address of a blob service")
		}
	}

	return s, nil
}

// Close closes idle connections.
func (s *Store) Close() { s.transport.CloseIdleConnections() }

// Pages implements handlers.Blobs. It skips the folders of accounts with a
// hierarchical namespace, because they are not blobs.
func (s *Store) Pages(ctx context.Context, name, prefix string, size int) iter.Seq2[[]handlers.Blob, error] {
	pageSize := int32(min(max(size, 1), handlers.MaxPage))

	o := &container.ListBlobsFlatOptions{MaxResults: &pageSize}
	if prefix != "" {
		o.Prefix = &prefix
	}

	return func(yield func([]handlers.Blob, error) bool) {
		pager := s.client.ServiceClient().NewContainerClient(name).NewListBlobsFlatPager(o)

		retrying := policy.WithRetryOptions(ctx, s.listing)
		for pager.More() {
			page, err := pager.NextPage(retrying)
			if err != nil {
				yield(nil, storageError(ctx, err))
				return
			}

			if page.Segment == nil {
				yield(nil, storageError(ctx, errors.New("the response is not a listing")))
				return
			}

			if !yield(blobsOf(page.Segment.BlobItems), nil) {
				return
			}
		}
	}
}

func blobsOf(items []*container.BlobItem) []handlers.Blob {
	blobs := make([]handlers.Blob, 0, len(items))
	for _, item := range items {
		p := item.Properties
		if item.Name == nil || p == nil || deref(p.ResourceType) == "directory" {
			continue
		}

		blobs = append(blobs, handlers.Blob{
			Name:        *item.Name,
			Size:        deref(p.ContentLength),
			ContentType: deref(p.ContentType),
			MD5:         p.ContentMD5,
			Modified:    deref(p.LastModified).UTC(),
		})
	}

	return blobs
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}

	return v
}

// Head implements handlers.Blobs.
func (s *Store) Head(ctx context.Context, name, blobName string, n int) ([]byte, error) {
	client := s.client.ServiceClient().NewContainerClient(name).NewBlobClient(blobName)

	resp, err := client.DownloadStream(
		ctx,
		&blob.DownloadStreamOptions{Range: blob.HTTPRange{Count: int64(n)}},
	)
	if bloberror.HasCode(err, bloberror.InvalidRange) { // the blob is empty
		return nil, nil
	}

	if err != nil {
		return nil, storageError(ctx, err)
	}

	head, err := io.ReadAll(io.LimitReader(resp.Body, int64(n)))
	if closing := resp.Body.Close(); err == nil {
		err = closing
	}

	if err != nil {
		return nil, storageError(ctx, err)
	}

	return head, nil
}
