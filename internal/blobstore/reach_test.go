package blobstore_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"coremachine/internal/blobstore"
	"coremachine/internal/handlers"
	"coremachine/internal/test/blobtest"
)

func TestReachDistinguishesWholePartialAndNoAccess(t *testing.T) {
	t.Parallel()
	server := blobtest.Azurite(t)

	address, err := blobtest.Client(t, server.Connection()).ServiceClient().GetSASURL(
		sas.AccountResourceTypes{
			Container: true,
			Object:    true,
		}, sas.AccountPermissions{Read: true, List: true}, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}

	_, signature, _ := strings.Cut(address, "?")
	account, _ := server.Account()

	refusing := func(status int, code string) string {
		return blobtest.Refusing(
			t,
			server,
			func(*http.Request) *blobtest.Refusal { return &blobtest.Refusal{Status: status, Code: code} },
		)
	}
	for name, c := range map[string]struct {
		connection string
		whole      bool
		err        error
	}{
		"the account's key": {server.Connection(), true, nil},
		"a signature for its data": {
			"BlobEndpoint=" + server.URL() + ";SharedAccessSignature=" + signature, false, nil,
		},
		"a role on one container": {refusing(http.StatusForbidden, "AuthorizationPermissionMismatch"), false, nil},
		"another key": {
			"AccountName=" + account + ";AccountKey=QUJD;BlobEndpoint=" + server.URL(), false,
			handlers.ErrStorageRejected,
		},
		"a closed network": {
			refusing(http.StatusForbidden, "AuthorizationFailure"), false, handlers.ErrStorageRejected,
		},
		"busy": {refusing(http.StatusServiceUnavailable, "ServerBusy"), false, handlers.ErrStorageBusy},
		"a closed port": {
			"BlobEndpoint=http://127.0.0.1:1/local;SharedAccessSignature=sig=x", false, handlers.ErrStorageUnreachable,
		},
	} {
		whole, err := open(t, blobstore.Options{Connection: c.connection}).Reach(t.Context())
		if whole != c.whole || !errors.Is(err, c.err) {
			t.Errorf("%s: got %t, %v, want %t, %v", name, whole, err, c.whole, c.err)
		}
	}
}
