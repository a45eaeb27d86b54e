package blobstore_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/blobstore"
	"coremachine/internal/dev/blobsample"
	"coremachine/internal/handlers"
	"coremachine/internal/test/blobtest"
)

func open(t *testing.T, o blobstore.Options) *blobstore.Store {
	t.Helper()

	s, err := blobstore.Open(o)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(s.Close)

	return s
}

// collect lists a container completely and counts the pages.
func collect(
	t *testing.T,
	s *blobstore.Store,
	container, prefix string,
	size int,
) (blobs []handlers.Blob, pages int, err error) {
	t.Helper()

	for page, err := range s.Pages(t.Context(), container, prefix, size) {
		if err != nil {
			return blobs, pages, err
		}

		pages++

		blobs = append(blobs, page...)
	}

	return blobs, pages, nil
}

func TestListAndReadUnusualNames(t *testing.T) {
	t.Parallel()
	server := blobtest.Azurite(t)

	const n = 600 // one of the names has 1,024 characters
	if _, err := blobsample.Write(t.Context(), server.Connection(), "sample", n); err != nil {
		t.Fatal(err)
	}

	s := open(t, blobstore.Options{Connection: server.Connection()})

	blobs, pages, err := collect(t, s, "sample", "", 250)
	if err != nil || len(blobs) != n || pages != 3 {
		t.Fatalf("got %d blobs in %d pages, %v, want %d in 3", len(blobs), pages, err, n)
	}

	written := map[string]blobsample.Item{}
	longest := 0

	for it := range blobsample.Items(n) {
		written[it.Name] = it
		longest = max(longest, len([]rune(it.Name)))
	}

	if longest != 1024 {
		t.Errorf("the longest name has %d characters, want 1,024", longest)
	}

	for _, b := range blobs {
		it, ok := written[b.Name]
		if !ok || b.Size != int64(len(it.Content)) || b.ContentType != it.ContentType || len(b.MD5) != 16 ||
			time.Since(b.Modified) > time.Hour {
			t.Errorf("listed %+v, written: %t", b, ok)
		}

		head, err := s.Head(t.Context(), "sample", b.Name, 100)
		if err != nil || !bytes.Equal(head, it.Content[:min(100, len(it.Content))]) {
			t.Errorf("%q: read %q, %v", b.Name, head, err)
		}
	}

	if !slices.IsSortedFunc(blobs, func(a, b handlers.Blob) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the listing is not sorted by name")
	}

	for _, prefix := range []string{
		"hash#tag/?query=1&b=2/", "per%cent/%41", "double//slash///", "Ünïcödé/日", "quo'te\"s+plus;semi/",
	} {
		want := 0

		for name := range written {
			if strings.HasPrefix(name, prefix) {
				want++
			}
		}

		got, _, err := collect(t, s, "sample", prefix, handlers.MaxPage)
		if err != nil || len(got) != want || want == 0 {
			t.Errorf("prefix %q: got %d blobs, %v, want %d", prefix, len(got), err, want)
		}
	}
}

func TestStorageErrors(t *testing.T) {
	t.Parallel()
	server := blobtest.OwnAzurite(t)

	client := blobtest.Client(t, server.Connection())
	if _, err := client.CreateContainer(t.Context(), "some", nil); err != nil {
		t.Fatal(err)
	}

	if _, err := client.UploadBuffer(t.Context(), "some", "empty", nil, nil); err != nil {
		t.Fatal(err)
	}

	s := open(t, blobstore.Options{Connection: server.Connection()})
	if head, err := s.Head(t.Context(), "some", "empty", 10); err != nil || len(head) > 0 {
		t.Errorf("an empty blob: got %q, %v, want no bytes", head, err)
	}

	if _, err := s.Head(t.Context(), "some", "none", 10); !errors.Is(err, handlers.ErrNoBlob) {
		t.Errorf("a missing blob: got %v, want ErrNoBlob", err)
	}

	if _, err := s.Head(t.Context(), "none", "none", 10); !errors.Is(err, handlers.ErrNoContainer) {
		t.Errorf("a missing container: got %v, want ErrNoContainer", err)
	}

	if _, _, err := collect(t, s, "none", "", 1); !errors.Is(err, handlers.ErrNoContainer) {
		t.Errorf("a missing container: got %v, want ErrNoContainer", err)
	}

	wrongKey := open(
		t,
		blobstore.Options{
			Connection: strings.Replace(server.Connection(), "AccountKey=", "AccountKey=QUJD", 1),
		},
	)
	if _, _, err := collect(t, wrongKey, "some", "", 1); !errors.Is(err, handlers.ErrStorageRejected) {
		t.Errorf("a wrong key: got %v, want ErrStorageRejected", err)
	}

	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}

	if _, err := s.Head(t.Context(), "some", "none", 10); !errors.Is(err, handlers.ErrStorageUnreachable) {
		t.Errorf("a stopped server: got %v, want ErrStorageUnreachable", err)
	}
}

func TestResponsesMapToStorageErrors(t *testing.T) {
	t.Parallel()

	server := blobtest.Azurite(t)
	for _, c := range []struct {
		refusal blobtest.Refusal
		want    handlers.StorageError
		// after is the delay that storage requests. It is -1 without one.
		after time.Duration
	}{
		{
			blobtest.Refusal{Status: 503, Code: "ServerBusy", RetryAfter: "7"},
			handlers.ErrStorageBusy, 7 * time.Second,
		},
		{blobtest.Refusal{Status: 503, Code: "ServerBusy"}, handlers.ErrStorageBusy, -1},
		{blobtest.Refusal{Status: 429, Code: "TooManyRequests", RetryAfter: "0"}, handlers.ErrStorageBusy, 0},
		{
			blobtest.Refusal{Status: 429, Code: "x", RetryAfter: "99999999999999999"},
			handlers.ErrStorageBusy, 10 * time.Minute,
		},
		{blobtest.Refusal{Status: 500, Code: "InternalError"}, handlers.ErrStorageUnreachable, -1},
		{blobtest.Refusal{Status: 500, Code: "OperationTimedOut"}, handlers.ErrStorageBusy, -1},
		{blobtest.Refusal{Status: 409, Code: "BlobArchived"}, handlers.ErrBlobUnreadable, -1},
		{blobtest.Refusal{Status: 409, Code: "ContainerBeingDeleted"}, handlers.ErrNoContainer, -1},
		{blobtest.Refusal{Status: 409, Code: "PublicAccessNotPermitted"}, handlers.ErrStorageRejected, -1},
		{
			blobtest.Refusal{Status: 403, Code: "AuthorizationPermissionMismatch", RetryAfter: "7"},
			handlers.ErrStorageRejected, -1,
		},
		{blobtest.Refusal{Status: 404, Code: "ResourceNotFound"}, handlers.ErrNoContainer, -1},
		{blobtest.Refusal{Status: 400, Code: "InvalidUri"}, handlers.ErrStorageRejected, -1},
		{blobtest.Refusal{Status: 418, Code: "a <b> c"}, handlers.ErrStorageUnreachable, -1},
	} {
		s := open(
			t,
			blobstore.Options{
				Connection: blobtest.Refusing(
					t,
					server,
					func(*http.Request) *blobtest.Refusal { return &c.refusal },
				),
			},
		)

		_, err := s.Head(t.Context(), "some", "blob", 10)
		if !errors.Is(err, c.want) {
			t.Errorf("%+v: got %v, want %q", c.refusal, err, c.want)
		}

		after, said := handlers.RetryDelay(err)
		if !said {
			after = -1
		}

		if after != c.after {
			t.Errorf("%+v: got the delay %s, want %s", c.refusal, after, c.after)
		}

		if strings.Contains(err.Error(), "<") {
			t.Errorf("%+v: the error contains the code of storage: %v", c.refusal, err)
		}
	}
}

func TestThrottledPageIsRetried(t *testing.T) {
	t.Parallel()

	server := blobtest.Azurite(t)
	if _, err := blobsample.Write(t.Context(), server.Connection(), "sample", 40); err != nil {
		t.Fatal(err)
	}

	var lists atomic.Int64

	refused := blobtest.Refusing(t, server, func(r *http.Request) *blobtest.Refusal {
		if r.URL.Query().Get("comp") == "list" && lists.Add(1)%3 != 0 { // two of three requests
			return &blobtest.Refusal{Status: 503, Code: "ServerBusy"}
		}

		return nil
	})
	s := open(t, blobstore.Options{Connection: refused, PageTries: 3, PageDelay: time.Millisecond})

	blobs, pages, err := collect(t, s, "sample", "", 10)
	if err != nil || len(blobs) != 40 || pages != 4 || lists.Load() != 12 {
		t.Errorf(
			"got %d blobs in %d pages with %d requests, %v, want 40 in 4 with 12",
			len(blobs), pages, lists.Load(), err,
		)
	}

	singleTry := open(t, blobstore.Options{Connection: refused, PageTries: 1})

	_, _, err = collect(t, singleTry, "sample", "", 10)
	if !errors.Is(err, handlers.ErrStorageBusy) || lists.Load() != 13 {
		t.Errorf("got %[2]v after %[1]d requests, want ErrStorageBusy after 13", lists.Load(), err)
	}
}
