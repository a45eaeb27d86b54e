package e2e_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/coremachine"
	"coremachine/internal/dev/blobsample"
	"coremachine/internal/state"
	"coremachine/internal/test/blobtest"
)

// The pre-flight check of container_list rejects these submits.
func TestContainerListIsRejectedBeforeAnythingIsStored(t *testing.T) {
	t.Parallel()

	server := blobtest.Azurite(t)
	if _, err := blobsample.Write(t.Context(), server.Connection(), "sample", 3); err != nil {
		t.Fatal(err)
	}

	var refusal atomic.Pointer[blobtest.Refusal]

	e := onStorage(t, blobtest.Refusing(t, server, func(r *http.Request) *blobtest.Refusal {
		if strings.Contains(r.URL.Path, "/sample/") || r.URL.Query().Get("prefix") != "blobs only" {
			return refusal.Load()
		}

		return nil
	}))
	submit := func(params string) error {
		_, err := e.Process(0).Machine.Submit(
			t.Context(),
			coremachine.SubmitRequest{Type: "container_list", Body: []byte(params)},
		)

		return err
	}

	forbidden := &blobtest.Refusal{Status: 403, Code: "AuthorizationPermissionMismatch"}
	for _, c := range []struct {
		name, params   string
		refusal        *blobtest.Refusal
		code           state.Code
		field, message string
	}{
		{
			"missing", `{"container":"missing"}`, nil, state.CodeInvalid, "container",
			`there is no container "missing" in the storage account`,
		},
		{
			"forbidden", `{"container":"sample"}`, forbidden, state.CodeInvalid, "container",
			`"sample" cannot be listed: storage rejects the request (403 AuthorizationPermissionMismatch)`,
		},
		{"name", `{"container":"No_Container"}`, nil, state.CodeInvalid, "container", ""},
		{
			"sizes", `{"container":"sample","min_size_bytes":2,"max_size_bytes":1}`, nil, state.CodeInvalid,
			"max_size_bytes", "1 is below min_size_bytes, which is 2",
		},
		{
			"refused", `{"container":"sample"}`, &blobtest.Refusal{Status: 400, Code: "InvalidUri"},
			state.CodeInvalid, "container",
			`"sample" cannot be listed: storage rejects the request (400 InvalidUri)`,
		},
	} {
		refusal.Store(c.refusal)
		err := submit(c.params)

		var refused *state.Error
		if state.CodeOf(err) != c.code || !errors.As(err, &refused) || len(refused.Fields) != 1 ||
			refused.Fields[0].Field != c.field {
			t.Errorf("%s: %v", c.name, err)
			continue
		}

		if got := refused.Fields[0].Message; c.message != "" && got != c.message {
			t.Errorf("%s: got the message %q, want %q", c.name, got, c.message)
		}
	}

	var rows int
	if err := e.Pool().
		QueryRow(t.Context(), `select count(*) from jobs`).
		Scan(&rows); err != nil ||
		rows != 0 {
		t.Errorf("%d rows were written, %v", rows, err)
	}

	refusal.Store(nil)

	if err := submit(`{"container":"sample"}`); err != nil {
		t.Error(err)
	}
}

func TestContainerListOfAnEmptyContainer(t *testing.T) {
	t.Parallel()

	server := blobtest.Azurite(t)
	if _, err := blobsample.Write(t.Context(), server.Connection(), "empty", 0); err != nil {
		t.Fatal(err)
	}

	e := onStorage(t, server.Connection())
	for _, params := range []string{`{"container":"empty"}`, `{"container":"empty","inspect":true}`} {
		s := summaryOf(t, e.Run("container_list", params).MustBe(t, state.JobCompleted))
		if s.Blobs != 0 || s.Bytes != 0 || s.Truncated || len(s.Largest) != 0 || s.Largest == nil ||
			s.ByFolder.Groups == nil {
			t.Errorf("%s: %+v", params, s)
		}
	}
}

// TestContainerListSkipsMissingBlobsAndRetriesThrottling deletes one blob
// between its listing and its inspection, archives another, and throttles the
// first try of every third blob.
func TestContainerListSkipsMissingBlobsAndRetriesThrottling(t *testing.T) {
	t.Parallel()
	server := blobtest.Azurite(t)

	const n = 60
	if _, err := blobsample.Write(t.Context(), server.Connection(), "sample", n); err != nil {
		t.Fatal(err)
	}

	account, _ := server.Account()
	client := blobtest.Client(t, server.Connection())
	items := slices.Collect(blobsample.Items(n))
	gone, archived := items[7].Name, items[8].Name

	var mu sync.Mutex

	tries := map[string]int{}
	connection := blobtest.Refusing(t, server, func(r *http.Request) *blobtest.Refusal {
		name, isBlob := strings.CutPrefix(r.URL.Path, "/"+account+"/sample/")
		if !isBlob || r.Header.Get("X-Ms-Range") == "bytes=0-0" { // a listing, or the preflight check
			return nil
		}

		mu.Lock()
		tries[name]++
		try, first := tries[name], len(tries) == 1
		mu.Unlock()

		if first || name == gone {
			_, _ = client.DeleteBlob(t.Context(), "sample", gone, nil) // once is enough
		}

		i := slices.IndexFunc(items, func(it blobsample.Item) bool { return it.Name == name })
		switch {
		case name == archived:
			return &blobtest.Refusal{Status: 409, Code: "BlobArchived"}
		case try == 1 && i%6 == 0:
			return &blobtest.Refusal{Status: 503, Code: "ServerBusy", RetryAfter: "0"}
		case try == 1 && i%6 == 3:
			return &blobtest.Refusal{Status: 429, Code: "TooManyRequests", RetryAfter: "0"}
		}

		return nil
	})
	e := onStorage(t, connection)
	job := e.Run("container_list", `{"container":"sample","inspect":true}`).MustBe(t, state.JobCompleted)
	job.Stage(t, "inspect").MustHave(t, n, 0)
	s := summaryOf(t, job)

	want := map[string]int{"deleted": 1, "unreadable": 1}
	if diff := cmp.Diff(want, s.Inspected.Skipped); diff != "" || s.Inspected.Blobs != n-2 || s.Blobs != n {
		t.Errorf("%d of %d inspected, skipped (-want +got):\n%s", s.Inspected.Blobs, s.Blobs, diff)
	}

	skipped := slices.Sorted(slices.Values([]string{gone, archived}))
	if names := slices.Sorted(slices.Values(s.Inspected.SkippedNames)); !slices.Equal(names, skipped) {
		t.Errorf("skipped %q, want %q and %q", names, gone, archived)
	}

	var again, final int

	err := e.Pool().
		QueryRow(t.Context(), `
			select count(*) filter (where not final), count(*) filter (where final)
			from attempts where outcome = 'error'`).
		Scan(&again, &final)
	if err != nil || again != n/3 || final != 0 {
		t.Errorf(
			"%d requests were repeated and %d abandoned, %v, want %d and 0; tries of blobs: %v",
			again,
			final,
			err,
			n/3,
			slices.Sorted(maps.Values(tries)),
		)
	}

	e.MustSatisfyInvariants()
}
