package blobstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"coremachine/internal/blobstore"
	"coremachine/internal/dev/blobsample"
	"coremachine/internal/test/blobtest"
)

// TestErrorsDoNotContainSecrets causes each kind of error with a signature or a
// key in the connection string.
func TestErrorsDoNotContainSecrets(t *testing.T) {
	t.Parallel()

	server := blobtest.Azurite(t)
	if _, err := blobsample.Write(t.Context(), server.Connection(), "sample", 1); err != nil {
		t.Fatal(err)
	}

	client := blobtest.Client(t, server.Connection())

	address, err := client.ServiceClient().GetSASURL(sas.AccountResourceTypes{Container: true, Object: true},
		sas.AccountPermissions{Read: true, List: true}, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}

	_, signature, found := strings.Cut(address, "?")
	if !found {
		t.Fatal("the URL has no signature")
	}

	sign := func(endpoint, signature string) string {
		return "BlobEndpoint=" + endpoint + ";SharedAccessSignature=" + signature
	}

	good := open(t, blobstore.Options{Connection: sign(server.URL(), signature)})
	if blobs, _, err := collect(t, good, "sample", "", 10); err != nil || len(blobs) != 1 {
		t.Errorf("with a signature: got %d blobs, %v, want 1", len(blobs), err)
	} else if head, err := good.Head(t.Context(), "sample", blobs[0].Name, 4); err != nil || len(head) != 4 {
		t.Errorf("with a signature: got %q, %v, want 4 bytes", head, err)
	}

	const secret = "c2VjcmV0" //nolint:gosec // not a real key
	for name, connection := range map[string]string{
		"a wrong signature": sign(server.URL(), "sv=2024-01-01&ss=b&srt=co&sp=rl&se=2099-01-01&sig="+secret),
		"a closed port":     sign("http://127.0.0.1:1/local", "sv=2024-01-01&sig="+secret),
		"an unknown host":   sign("http://unknown.invalid/", "sv=2024-01-01&sig="+secret),
		"a wrong key": strings.Split(server.Connection(), "AccountKey=")[0] + "AccountKey=" + secret +
			";BlobEndpoint=" + server.URL(),
		"an invalid key":        "AccountName=a;AccountKey=" + secret + "!",
		"not a string of pairs": secret,
		"a bad address":         "BlobEndpoint=http://[" + secret + ";SharedAccessSignature=sig=" + secret,
	} {
		s, err := blobstore.Open(blobstore.Options{Connection: connection, PageTries: 1})
		if err == nil {
			_, _, err = collect(t, s, "sample", "", 10)

			_, headErr := s.Head(t.Context(), "sample", "blob", 4)
			if headErr == nil || strings.Contains(headErr.Error(), secret) {
				t.Errorf("%s: Head returned %v, want an error without the secret", name, headErr)
			}

			_, reachErr := s.Reach(t.Context())
			if reachErr == nil || strings.Contains(reachErr.Error(), secret) {
				t.Errorf("%s: Reach returned %v, want an error without the secret", name, reachErr)
			}

			s.Close()
		}

		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "sig=") {
			t.Errorf("%s: got %v, want an error without the secret", name, err)
		}
	}
}
