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

// TestSecretsStayOutOfErrors makes every kind of error with a signature, and
// with a key, in the connection string.
func TestSecretsStayOutOfErrors(t *testing.T) {
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
		t.Fatal("no signature")
	}

	sign := func(endpoint, signature string) string {
		return "BlobEndpoint=" + endpoint + ";SharedAccessSignature=" + signature
	}

	good := open(t, blobstore.Options{Connection: sign(server.URL(), signature)})
	if blobs, _, err := collect(t, good, "sample", "", 10); err != nil || len(blobs) != 1 {
		t.Errorf("with a signature: %d blobs, %v", len(blobs), err)
	} else if head, err := good.Head(t.Context(), "sample", blobs[0].Name, 4); err != nil || len(head) != 4 {
		t.Errorf("with a signature: %q, %v", head, err)
	}

	const secret = "c2VjcmV0" //nolint:gosec // nobody's
	for name, connection := range map[string]string{
		"a wrong signature": sign(server.URL(), "sv=2024-01-01&ss=b&srt=co&sp=rl&se=2099-01-01&sig="+secret),
		"nobody there":      sign("http://127.0.0.1:1/local", "sv=2024-01-01&sig="+secret),
		"no such host":      sign("http://nobody.invalid/", "sv=2024-01-01&sig="+secret),
		"a wrong key":       strings.Split(server.Connection(), "AccountKey=")[0] + "AccountKey=" + secret + ";BlobEndpoint=" + server.URL(),
		"no base64":         "AccountName=a;AccountKey=" + secret + "!",
		"no connection":     secret,
		"a bad address":     "BlobEndpoint=http://[" + secret + ";SharedAccessSignature=sig=" + secret,
	} {
		s, err := blobstore.Open(blobstore.Options{Connection: connection, PageTries: 1})
		if err == nil {
			_, _, err = collect(t, s, "sample", "", 10)
			if _, headErr := s.Head(
				t.Context(),
				"sample",
				"blob",
				4,
			); headErr == nil ||
				strings.Contains(headErr.Error(), secret) {
				t.Errorf("%s: reading says %v", name, headErr)
			}

			if _, reachErr := s.Reach(
				t.Context(),
			); reachErr == nil ||
				strings.Contains(reachErr.Error(), secret) {
				t.Errorf("%s: reaching it says %v", name, reachErr)
			}

			s.Close()
		}

		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "sig=") {
			t.Errorf("%s: it says %v", name, err)
		}
	}
}
