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

// errorCodes are the error codes that are more precise than their status.
var errorCodes = map[bloberror.Code]handlers.StorageError{
	bloberror.ContainerNotFound:                   handlers.ErrNoContainer,
	bloberror.ContainerBeingDeleted:               handlers.ErrNoContainer,
	bloberror.ContainerDisabled:                   handlers.ErrStorageRejected,
	bloberror.BlobNotFound:                        handlers.ErrNoBlob,
	bloberror.BlobAlreadyExists:                   handlers.ErrBlobExists,
	bloberror.ConditionNotMet:                     handlers.ErrBlobChanged,
	bloberror.InvalidRange:                        handlers.ErrOutOfRange,
	bloberror.InvalidBlockList:                    handlers.ErrNoBlock,
	bloberror.InvalidBlobOrBlock:                  handlers.ErrBlockLimit,
	bloberror.InvalidBlockID:                      handlers.ErrBlockLimit,
	bloberror.BlockCountExceedsLimit:              handlers.ErrBlockLimit,
	bloberror.BlockListTooLong:                    handlers.ErrBlockLimit,
	bloberror.BlobArchived:                        handlers.ErrBlobUnreadable,
	bloberror.BlobBeingRehydrated:                 handlers.ErrBlobUnreadable,
	bloberror.BlobUsesCustomerSpecifiedEncryption: handlers.ErrBlobUnreadable,
	"BlobDoesNotUseCustomerSpecifiedEncryption":   handlers.ErrBlobUnreadable,
	bloberror.ServerBusy:                          handlers.ErrStorageBusy,
	bloberror.OperationTimedOut:                   handlers.ErrStorageBusy,
	"PublicAccessNotPermitted":                    handlers.ErrStorageRejected,
	bloberror.NoAuthenticationInformation:         handlers.ErrStorageRejected,
	bloberror.AuthorizationPermissionMismatch:     handlers.ErrStorageRejected,
	bloberror.InsufficientAccountPermissions:      handlers.ErrStorageRejected,
	bloberror.InvalidAuthenticationInfo:           handlers.ErrStorageRejected,
}

var statuses = map[int]handlers.StorageError{
	http.StatusBadRequest:          handlers.ErrStorageRejected,
	http.StatusUnauthorized:        handlers.ErrStorageRejected,
	http.StatusForbidden:           handlers.ErrStorageRejected,
	http.StatusNotFound:            handlers.ErrNoContainer,
	http.StatusTooManyRequests:     handlers.ErrStorageBusy,
	http.StatusServiceUnavailable:  handlers.ErrStorageBusy,
	http.StatusInternalServerError: handlers.ErrStorageUnreachable,
	http.StatusBadGateway:          handlers.ErrStorageUnreachable,
	http.StatusGatewayTimeout:      handlers.ErrStorageUnreachable,
	http.StatusRequestTimeout:      handlers.ErrStorageUnreachable,
}

// storageError replaces an error of the client. The client's text contains the
// address, and the text of storage contains the string to be signed.
func storageError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}

	if resp, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return responseError(resp)
	}

	if _, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
		return fmt.Errorf(
			"%w: no token for the identity of the process: check that it is assigned and AZURE_CLIENT_ID is its ID",
			handlers.ErrStorageUnreachable,
		)
	}

	if _, ok := errors.AsType[*azidentity.AuthenticationRequiredError](err); ok {
		return fmt.Errorf("%w: no identity is signed in", handlers.ErrStorageUnreachable)
	}

	if e, ok := errors.AsType[*url.Error](err); ok { // the text contains the address, but the cause does not
		return fmt.Errorf("%w: %w", handlers.ErrStorageUnreachable, e.Err)
	}

	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: no response in time", handlers.ErrStorageUnreachable)
	}

	return fmt.Errorf("%w: the response is incomplete or unreadable (%T)", handlers.ErrStorageUnreachable, err)
}

func responseError(resp *azcore.ResponseError) error {
	f, known := errorCodes[bloberror.Code(resp.ErrorCode)]
	if !known {
		f, known = statuses[resp.StatusCode]
	}

	if !known {
		f = handlers.ErrStorageUnreachable
	}

	reason := resp.ErrorCode
	if !plain(reason) {
		reason = http.StatusText(resp.StatusCode)
	}

	err := fmt.Errorf("%w (%d %s)", f, resp.StatusCode, reason)

	retryable := f == handlers.ErrStorageBusy || f == handlers.ErrStorageUnreachable
	if wait, ok := retryAfter(resp.RawResponse); ok && retryable {
		return handlers.RetryAfter(wait, err)
	}

	return err
}

// plain reports whether an error code is one word of letters and digits, like
// all codes of storage. The code is external input and is logged.
func plain(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}

	return s != "" && len(s) <= 64
}

// maxRetryAfter limits the delay that a response can request.
const maxRetryAfter = 10 * time.Minute

// retryAfter returns the delay that a response requests, in any of the
// supported headers.
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

func bounded(d time.Duration) time.Duration { return min(max(d, 0), maxRetryAfter) }
