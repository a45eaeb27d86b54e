package blobstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"coremachine/internal/blobstore"
	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// identity is a credential that returns a token, or an error.
type identity struct {
	err    error
	scopes []string
}

func (i *identity) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	i.scopes = o.Scopes
	return azcore.AccessToken{Token: "c2VjcmV0"}, i.err //nolint:gosec // not a real token
}

func TestCredentialIsUsed(t *testing.T) {
	t.Parallel()

	for name, id := range map[string]*identity{"with a token": {}, "without": {err: errors.New("c2VjcmV0")}} {
		s := open(t, blobstore.Options{ServiceURL: "https://127.0.0.1:1", Credential: id, PageTries: 1})

		_, err := s.Head(t.Context(), "some", "blob", 1)
		if !errors.Is(err, handlers.ErrStorageUnreachable) || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: got %v, want ErrStorageUnreachable without the token", name, err)
		}

		if len(id.scopes) != 1 || id.scopes[0] != "https://storage.azure.com/.default" {
			t.Errorf("%s: requested a token for %q", name, id.scopes)
		}
	}

	_, err := blobstore.Open(blobstore.Options{ServiceURL: "https://127.0.0.1:1"})
	if state.CodeOf(err) != state.CodeInvalid {
		t.Errorf("without a credential: got %v, want code invalid", err)
	}
}
