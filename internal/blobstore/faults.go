package blobstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"coremachine/internal/handlers"
)

// faults are the answers whose reason says more than their status.
var faults = map[bloberror.Code]handlers.StorageError{
	bloberror.ContainerNotFound:                   handlers.ErrNoContainer,
	bloberror.ContainerBeingDeleted:               handlers.ErrNoContainer,
	bloberror.ContainerDisabled:                   handlers.ErrStorageRefuses,
	bloberror.BlobNotFound:                        handlers.ErrNoBlob,
	bloberror.BlobArchived:                        handlers.ErrBlobUnreadable,
	bloberror.BlobBeingRehydrated:                 handlers.ErrBlobUnreadable,
	bloberror.BlobUsesCustomerSpecifiedEncryption: handlers.ErrBlobUnreadable,
	"BlobDoesNotUseCustomerSpecifiedEncryption":   handlers.ErrBlobUnreadable,
	bloberror.ServerBusy:                          handlers.ErrStorageBusy,
	bloberror.OperationTimedOut:                   handlers.ErrStorageBusy,
	"PublicAccessNotPermitted":                    handlers.ErrStorageRefuses,
	bloberror.NoAuthenticationInformation:         handlers.ErrStorageRefuses,
	bloberror.AuthorizationPermissionMismatch:     handlers.ErrStorageRefuses,
	bloberror.InsufficientAccountPermissions:      handlers.ErrStorageRefuses,
	bloberror.InvalidAuthenticationInfo:           handlers.ErrStorageRefuses,
}

var statuses = map[int]handlers.StorageError{
	http.StatusBadRequest:          handlers.ErrStorageRefuses,
	http.StatusUnauthorized:        handlers.ErrStorageRefuses,
	http.StatusForbidden:           handlers.ErrStorageRefuses,
	http.StatusNotFound:            handlers.ErrNoContainer,
	http.StatusTooManyRequests:     handlers.ErrStorageBusy,
	http.StatusServiceUnavailable:  handlers.ErrStorageBusy,
	http.StatusInternalServerError: handlers.ErrStorageAway,
	http.StatusBadGateway:          handlers.ErrStorageAway,
	http.StatusGatewayTimeout:      handlers.ErrStorageAway,
	http.StatusRequestTimeout:      handlers.ErrStorageAway,
}

// fault says in our own words what went wrong: the client's hold the address,
// and storage's the text that was to be signed.
func fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}

	if resp, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return answered(resp)
	}

	if _, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
		return fmt.Errorf(
			"%w: no token for the process's identity: is it assigned, and AZURE_CLIENT_ID its client id?",
			handlers.ErrStorageAway,
		)
	}

	if _, ok := errors.AsType[*azidentity.AuthenticationRequiredError](err); ok {
		return fmt.Errorf("%w: nobody is signed in", handlers.ErrStorageAway)
	}

	if e, ok := errors.AsType[*url.Error](err); ok { // its text holds the address, its cause does not
		return fmt.Errorf("%w: %w", handlers.ErrStorageAway, e.Err)
	}

	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: it did not answer in time", handlers.ErrStorageAway)
	}

	return fmt.Errorf("%w: its answer broke off or could not be read (%T)", handlers.ErrStorageAway, err)
}

func answered(resp *azcore.ResponseError) error {
	f, known := faults[bloberror.Code(resp.ErrorCode)]
	if !known {
		f, known = statuses[resp.StatusCode]
	}

	if !known {
		f = handlers.ErrStorageAway
	}

	reason := resp.ErrorCode
	if !plain(reason) {
		reason = http.StatusText(resp.StatusCode)
	}

	err := fmt.Errorf("%w (%d %s)", f, resp.StatusCode, reason)
	if wait, ok := retryAfter(
		resp.RawResponse,
	); ok &&
		(f == handlers.ErrStorageBusy || f == handlers.ErrStorageAway) {
		return handlers.RetryAfter(wait, err)
	}

	return err
}

// plain tells whether a reason is one word, as storage's all are: it comes from
// outside and goes into logs.
func plain(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}

	return s != "" && len(s) <= 64
}

// longestRetryAfter bounds what storage, or what stands in for it, may ask for.
const longestRetryAfter = 10 * time.Minute

// retryAfter is how long an answer asks to wait, in any of the ways in which it
// may.
func retryAfter(resp *http.Response) (time.Duration, bool) {
	if resp == nil {
		return 0, false
	}

	for _, name := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if ms, err := strconv.Atoi(resp.Header.Get(name)); err == nil && ms >= 0 {
			return bounded(time.Duration(min(ms, 1<<30)) * time.Millisecond), true
		}
	}

	value := resp.Header.Get("Retry-After")
	if s, err := strconv.Atoi(value); err == nil && s >= 0 {
		return bounded(time.Duration(min(s, 1<<20)) * time.Second), true
	}

	if at, err := http.ParseTime(value); err == nil {
		return bounded(time.Until(at)), true
	}

	return 0, false
}

func bounded(d time.Duration) time.Duration { return min(max(d, 0), longestRetryAfter) }
