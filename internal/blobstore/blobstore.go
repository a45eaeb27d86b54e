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

// Options name an account: by connection string, with a key or a shared access
// signature in it, or by the address of its blob service and a credential.
type Options struct {
	Connection string
	ServiceURL string
	Credential azcore.TokenCredential
	PageTries  int           // of a page of a listing; 0: 5
	PageDelay  time.Duration // before the second try, doubling; 0: 1 s. Storage may ask for more
}

// Store is one account. It is safe for use by many goroutines; close it when
// the last has returned.
type Store struct {
	client    *azblob.Client
	transport *http.Transport
	listing   policy.RetryOptions
}

// Limits of one request, and of idle connections: about as many tasks of a
// process read at once.
const (
	connectWithin = 10 * time.Second
	answerWithin  = 30 * time.Second
	tryWithin     = time.Minute
	longestWait   = 30 * time.Second
	idleConns     = 256
)

// Open makes a Store and connects to nothing. Its errors hold nothing of a
// connection string.
func Open(o Options) (*Store, error) {
	const op = "blobstore.Open"

	s := &Store{
		transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: connectWithin, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   connectWithin,
			ResponseHeaderTimeout: answerWithin,
			MaxIdleConnsPerHost:   idleConns,
			IdleConnTimeout:       time.Minute,
			ForceAttemptHTTP2:     true,
		},
		listing: policy.RetryOptions{
			MaxRetries:    4,
			RetryDelay:    time.Second,
			MaxRetryDelay: longestWait,
			TryTimeout:    tryWithin,
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
	}

	options := &azblob.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: &http.Client{Transport: s.transport},
		Retry:     policy.RetryOptions{MaxRetries: -1, TryTimeout: tryWithin},
		Telemetry: policy.TelemetryOptions{ApplicationID: "coremachine"},
	}}

	var err error

	switch {
	case o.Connection != "":
		s.client, err = azblob.NewClientFromConnectionString(o.Connection, options)
		if err != nil { // it may quote what it could not read
			return nil, state.Errorf(
				state.CodeInvalid,
				op,
				"it is no connection string of a storage account: AccountName and AccountKey, or BlobEndpoint and SharedAccessSignature, are needed",
			)
		}
	case o.Credential == nil:
		return nil, state.Errorf(state.CodeInvalid, op, "a service address needs a credential")
	default:
		s.client, err = azblob.NewClient(o.ServiceURL, o.Credential, options)
		if err != nil {
			return nil, state.Errorf(state.CodeInvalid, op, "it is no address of a blob service")
		}
	}

	return s, nil
}

// Close closes idle connections.
func (s *Store) Close() { s.transport.CloseIdleConnections() }

// Pages implements handlers.Blobs. Folders of an account with a hierarchical
// namespace are no blobs and are left out.
func (s *Store) Pages(ctx context.Context, name, prefix string, size int) iter.Seq2[[]handlers.Blob, error] {
	most := int32(min(max(size, 1), handlers.MaxPage))

	o := &container.ListBlobsFlatOptions{MaxResults: &most}
	if prefix != "" {
		o.Prefix = &prefix
	}

	return func(yield func([]handlers.Blob, error) bool) {
		pager := s.client.ServiceClient().NewContainerClient(name).NewListBlobsFlatPager(o)

		retrying := policy.WithRetryOptions(ctx, s.listing)
		for pager.More() {
			page, err := pager.NextPage(retrying)
			if err != nil {
				yield(nil, fault(ctx, err))
				return
			}

			if page.Segment == nil {
				yield(nil, fault(ctx, errors.New("the answer is no listing")))
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
	if bloberror.HasCode(err, bloberror.InvalidRange) { // it is empty
		return nil, nil
	}

	if err != nil {
		return nil, fault(ctx, err)
	}

	head, err := io.ReadAll(io.LimitReader(resp.Body, int64(n)))
	if closing := resp.Body.Close(); err == nil {
		err = closing
	}

	if err != nil {
		return nil, fault(ctx, err)
	}

	return head, nil
}
