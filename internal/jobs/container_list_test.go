package jobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	h "coremachine/internal/handlers"
	"coremachine/internal/state"
)

// account is storage with one blob, or with an error in its place.
type account struct {
	h.NoBlobs

	list, read error
}

func (a account) Pages(context.Context, string, string, int) iter.Seq2[[]h.Blob, error] {
	return func(yield func([]h.Blob, error) bool) {
		if yield(nil, nil) { // storage may return an empty page before the last one
			yield([]h.Blob{{Name: "a", Size: 1}}, a.list)
		}
	}
}

func (a account) Head(context.Context, string, string, int) ([]byte, error) { return []byte{1}, a.read }

func TestContainerList_Preflight(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		name    string
		storage h.Blobs
		inspect bool
		code    state.Code // "" if the parameters are accepted
		says    string
	}{
		{"fine", account{}, true, "", ""},
		{
			"not there",
			account{list: h.ErrNoContainer},
			false,
			state.CodeInvalid,
			`container: there is no container "abc" in the storage account`,
		},
		{
			"closed",
			account{list: fmt.Errorf("%w (403 X)", h.ErrStorageRejected)},
			false,
			state.CodeInvalid,
			`container: "abc" cannot be listed: storage rejects the request (403 X)`,
		},
		{
			"not readable",
			account{read: h.ErrStorageRejected},
			true,
			state.CodeInvalid,
			`container: "abc" cannot be read: storage rejects the request`,
		},
		{"not to be read", account{read: h.ErrStorageRejected}, false, "", ""},
		{"one blob gone", account{read: h.ErrNoBlob}, true, "", ""},
		{"one blob archived", account{read: h.ErrBlobUnreadable}, true, "", ""},
		{
			"no storage",
			h.NoBlobs{},
			false,
			state.CodeInvalid,
			`container: "abc" cannot be listed: no storage account is configured`,
		},
		{"busy", account{list: h.ErrStorageBusy}, false, state.CodeUnavailable, "try again later"},
		{"away", account{read: h.ErrStorageUnreachable}, true, state.CodeUnavailable, "try again later"},
		{"too slow", account{list: context.DeadlineExceeded}, false, state.CodeUnavailable, "try again later"},
		{"a defect", account{list: errors.New("x")}, false, state.CodeUnavailable, "try again later"},
	} {
		p, err := ContainerList.Parse(fmt.Appendf(nil, `{"container":"abc","inspect":%t}`, c.inspect))
		if err != nil {
			t.Fatal(err)
		}

		err = ContainerList.Preflight(t.Context(), p, h.Deps{Blobs: c.storage})
		if state.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want code %q and %q", c.name, err, c.code, c.says)
		}
	}
}

func TestContainerList_Parameters(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("a", 63)
	for body, ok := range map[string]bool{
		`{}`:                                          false,
		`{"container":"abc"}`:                         true,
		`{"container":"a-b-1"}`:                       true,
		`{"container":"` + long + `"}`:                true,
		`{"container":"$root"}`:                       true,
		`{"container":"$web"}`:                        true,
		`{"container":"` + long + `a"}`:               false,
		`{"container":"ab"}`:                          false,
		`{"container":"Abc"}`:                         false,
		`{"container":"-abc"}`:                        false,
		`{"container":"abc-"}`:                        false,
		`{"container":"a--b"}`:                        false,
		`{"container":"a_b"}`:                         false,
		`{"container":"$other"}`:                      false,
		`{"container":"abc/def"}`:                     false,
		`{"container":"abc","limit":0}`:               false,
		`{"container":"abc","limit":1000000}`:         true,
		`{"container":"abc","limit":1000001}`:         false,
		`{"container":"abc","min_size_bytes":-1}`:     false,
		`{"container":"abc","max_size_bytes":-1}`:     false,
		`{"container":"abc","max_size_bytes":0}`:      true,
		`{"container":"abc","max_size_bytes":null}`:   true,
		`{"container":"abc","extensions":[""]}`:       false,
		`{"container":"abc","extensions":["tar.gz"]}`: true,
	} {
		if _, err := ContainerList.Parse([]byte(body)); (err == nil) != ok {
			t.Errorf("%s: %v, want accepted: %t", body, err, ok)
		}
	}

	p, err := ContainerList.Parse([]byte(`{"container":"abc"}`))
	if err != nil {
		t.Fatal(err)
	}

	const want = `{"container":"abc","extensions":[],"inspect":false,"limit":10000,` +
		`"max_size_bytes":null,"min_size_bytes":0,"prefix":""}`
	if string(p.Canonical) != want {
		t.Errorf("got  %s\nwant %s", p.Canonical, want)
	}

	if !ContainerList.Skip(p, 1) || ContainerList.Skip(p, 2) {
		t.Error("without inspect only the inspection is skipped")
	}
}
