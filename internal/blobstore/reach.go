package blobstore

import (
	"context"
	"errors"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
)

// partialAccess are the error codes for a caller that is authenticated, but
// does not have access to the whole account.
var partialAccess = []bloberror.Code{
	bloberror.AuthorizationPermissionMismatch,
	bloberror.AuthorizationResourceTypeMismatch,
	bloberror.InsufficientAccountPermissions,
}

// Reach tests access by requesting the name of one container. If listing
// containers is not permitted, whole is false: the caller may or may not have
// access to single containers, which is sufficient for jobs over these. Errors
// are those of a listing.
func (s *Store) Reach(ctx context.Context) (whole bool, err error) {
	one := int32(1)

	_, err = s.client.ServiceClient().
		NewListContainersPager(&service.ListContainersOptions{MaxResults: &one}).
		NextPage(ctx)
	if err == nil {
		return true, nil
	}

	resp, ok := errors.AsType[*azcore.ResponseError](err)
	if ok && slices.Contains(partialAccess, bloberror.Code(resp.ErrorCode)) {
		return false, nil
	}

	return false, storageError(ctx, err)
}
