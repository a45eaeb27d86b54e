package blobstore

import (
	"context"
	"errors"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
)

// narrow are the refusals of an account that knows the caller and has not given
// it the whole account.
var narrow = []bloberror.Code{
	bloberror.AuthorizationPermissionMismatch,
	bloberror.AuthorizationResourceTypeMismatch,
	bloberror.InsufficientAccountPermissions,
}

// Reach asks the account once for the name of one container. Where it may not
// tell them, whole is false: a right to single containers does for jobs over
// these, and cannot be told here from none. Errors are those of a listing.
func (s *Store) Reach(ctx context.Context) (whole bool, err error) {
	one := int32(1)

	_, err = s.client.ServiceClient().
		NewListContainersPager(&service.ListContainersOptions{MaxResults: &one}).
		NextPage(ctx)
	if err == nil {
		return true, nil
	}

	if resp, ok := errors.AsType[*azcore.ResponseError](
		err,
	); ok &&
		slices.Contains(narrow, bloberror.Code(resp.ErrorCode)) {
		return false, nil
	}

	return false, fault(ctx, err)
}
