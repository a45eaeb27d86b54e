package blobtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/handlers"
)

// Suite checks that an implementation of Blobs reads and writes like Azure. The
// container exists and is empty.
func Suite(t *testing.T, blobs handlers.Blobs, container string) {
	t.Helper()

	s := suite{blobs, container}
	for name, test := range map[string]func(*testing.T){
		"ranged reads":        s.rangedReads,
		"conditions of puts":  s.conditionsOfPuts,
		"blocks":              s.blocks,
		"conditions":          s.conditionsOfCommits,
		"repeated commits":    s.repeatedCommits,
		"late blocks":         s.lateBlocks,
		"replaced blobs":      s.replacedBlobs,
		"discard":             s.discard,
		"delete":              s.delete,
		"limits":              s.limits,
		"missing containers":  s.missingContainers,
		"contexts that ended": s.endedContexts,
	} {
		t.Run(name, test)
	}
}

type suite struct {
	blobs     handlers.Blobs
	container string
}

func (s suite) put(t *testing.T, name, data string, o handlers.WriteOptions) handlers.BlobInfo {
	t.Helper()

	info, err := s.blobs.Put(t.Context(), s.container, name, []byte(data), o)
	if err != nil {
		t.Fatal(err)
	}

	return info
}

func (s suite) stage(t *testing.T, name string, idsAndData ...string) {
	t.Helper()

	for pair := range slices.Chunk(idsAndData, 2) {
		if err := s.blobs.Stage(t.Context(), s.container, name, pair[0], []byte(pair[1])); err != nil {
			t.Fatalf("stage %s: %v", pair[0], err)
		}
	}
}

func (s suite) content(t *testing.T, name string) string {
	t.Helper()

	head, err := s.blobs.Head(t.Context(), s.container, name, 1000)
	if err != nil {
		t.Fatal(err)
	}

	return string(head)
}

func want(t *testing.T, what string, err, target error) {
	t.Helper()

	if !errors.Is(err, target) {
		t.Errorf("%s: got %v, want %v", what, err, target)
	}
}

func (s suite) rangedReads(t *testing.T) {
	t.Helper()

	first := s.put(t, "read", "0123456789", handlers.WriteOptions{ContentType: "text/plain"})

	info, err := s.blobs.Stat(t.Context(), s.container, "read")
	if err != nil || info.Size != 10 || info.ContentType != "text/plain" || info.ETag != first.ETag || info.Archived {
		t.Errorf("got %+v, %v, want 10 bytes of text/plain and the ETag %s", info, err, first.ETag)
	}

	p := make([]byte, 4)
	for _, etag := range []string{"", info.ETag} {
		if err := s.blobs.ReadAt(t.Context(), s.container, "read", etag, p, 6); err != nil || string(p) != "6789" {
			t.Errorf("etag %q: read %q, %v, want 6789", etag, p, err)
		}
	}

	want(t, "a read of no bytes", s.blobs.ReadAt(t.Context(), s.container, "read", "", nil, 99), nil)
	want(t, "a read over the end",
		s.blobs.ReadAt(t.Context(), s.container, "read", "", p, 8), handlers.ErrOutOfRange)
	want(t, "a read behind the end",
		s.blobs.ReadAt(t.Context(), s.container, "read", "", p, 10), handlers.ErrOutOfRange)
	want(t, "a read of a missing blob",
		s.blobs.ReadAt(t.Context(), s.container, "none", "", p, 0), handlers.ErrNoBlob)

	_, err = s.blobs.Stat(t.Context(), s.container, "none")
	want(t, "stat of a missing blob", err, handlers.ErrNoBlob)

	s.put(t, "read", "0123456789", handlers.WriteOptions{})
	want(t, "a read of another version",
		s.blobs.ReadAt(t.Context(), s.container, "read", info.ETag, p, 0), handlers.ErrBlobChanged)
}

func (s suite) conditionsOfPuts(t *testing.T) {
	t.Helper()

	first := s.put(t, "put", "a", handlers.WriteOptions{IfAbsent: true})

	_, err := s.blobs.Put(t.Context(), s.container, "put", []byte("b"), handlers.WriteOptions{IfAbsent: true})
	want(t, "a put if absent", err, handlers.ErrBlobExists)

	second := s.put(t, "put", "c", handlers.WriteOptions{IfMatch: first.ETag})
	if second.ETag == first.ETag {
		t.Error("the second version has the ETag of the first")
	}

	_, err = s.blobs.Put(t.Context(), s.container, "put", []byte("d"), handlers.WriteOptions{IfMatch: first.ETag})
	want(t, "a put over another version", err, handlers.ErrBlobChanged)

	if got := s.content(t, "put"); got != "c" {
		t.Errorf("got %q, want c", got)
	}
}

func (s suite) blocks(t *testing.T) {
	t.Helper()

	s.stage(t, "blocks", "id-1", "one", "id-2", "two-", "id-1", "ONE--", "id-3", "three")

	_, err := s.blobs.Stat(t.Context(), s.container, "blocks")
	want(t, "stat of an uncommitted blob", err, handlers.ErrNoBlob)

	list, err := s.blobs.Blocks(t.Context(), s.container, "blocks")
	if err != nil || len(list.Committed) != 0 || len(list.Uncommitted) != 3 {
		t.Fatalf("got %+v, %v, want 3 uncommitted blocks", list, err)
	}

	// Blocks can be committed in any order, and more than once.
	o := handlers.WriteOptions{IfAbsent: true, ContentType: "image/tiff; application=geotiff"}

	info, err := s.blobs.Commit(t.Context(), s.container, "blocks", []string{"id-2", "id-1", "id-2"}, o)
	if err != nil {
		t.Fatal(err)
	}

	stat, err := s.blobs.Stat(t.Context(), s.container, "blocks")
	if err != nil || stat.ETag != info.ETag || stat.Size != 13 || stat.ContentType != o.ContentType {
		t.Errorf("got %+v, %v, want 13 bytes and the ETag of %+v", stat, err, info)
	}

	if got := s.content(t, "blocks"); got != "two-ONE--two-" {
		t.Errorf("got %q", got)
	}

	list, err = s.blobs.Blocks(t.Context(), s.container, "blocks")

	committed := handlers.BlockList{
		Committed:   []handlers.Block{{ID: "id-2", Size: 4}, {ID: "id-1", Size: 5}, {ID: "id-2", Size: 4}},
		Uncommitted: []handlers.Block{},
	}
	if diff := cmp.Diff(committed, list); diff != "" || err != nil {
		t.Errorf("%v; blocks after the commit (-want +got):\n%s", err, diff)
	}

	_, err = s.blobs.Blocks(t.Context(), s.container, "none")
	want(t, "blocks of a missing blob", err, handlers.ErrNoBlob)
}

func (s suite) conditionsOfCommits(t *testing.T) {
	t.Helper()

	first := s.put(t, "conditions", "old", handlers.WriteOptions{})
	s.stage(t, "conditions", "id-1", "new")

	_, err := s.blobs.Commit(
		t.Context(), s.container, "conditions", []string{"id-1"}, handlers.WriteOptions{IfAbsent: true})
	want(t, "a commit if absent", err, handlers.ErrBlobExists)

	if _, err := s.blobs.Commit(
		t.Context(), s.container, "conditions", []string{"id-1"}, handlers.WriteOptions{IfMatch: first.ETag},
	); err != nil || s.content(t, "conditions") != "new" {
		t.Errorf("a commit over the same version: %v", err)
	}

	s.stage(t, "conditions", "id-2", "newer")

	_, err = s.blobs.Commit(
		t.Context(), s.container, "conditions", []string{"id-2"}, handlers.WriteOptions{IfMatch: first.ETag})
	want(t, "a commit over another version", err, handlers.ErrBlobChanged)

	_, err = s.blobs.Commit(t.Context(), s.container, "conditions", []string{"id-9"}, handlers.WriteOptions{})
	want(t, "a commit of a missing block", err, handlers.ErrNoBlock)
}

func (s suite) repeatedCommits(t *testing.T) {
	t.Helper()

	s.stage(t, "repeated", "id-1", "a", "id-2", "b")

	for range 2 {
		if _, err := s.blobs.Commit(
			t.Context(), s.container, "repeated", []string{"id-1", "id-2"}, handlers.WriteOptions{},
		); err != nil || s.content(t, "repeated") != "ab" {
			t.Errorf("got %v, want ab", err)
		}
	}
}

func (s suite) lateBlocks(t *testing.T) {
	t.Helper()

	s.stage(t, "late", "id-1-a1", "a")

	if _, err := s.blobs.Commit(
		t.Context(), s.container, "late", []string{"id-1-a1"}, handlers.WriteOptions{},
	); err != nil {
		t.Fatal(err)
	}

	before, err := s.blobs.Stat(t.Context(), s.container, "late")
	if err != nil {
		t.Fatal(err)
	}

	s.stage(t, "late", "id-1-a2", "z")

	after, err := s.blobs.Stat(t.Context(), s.container, "late")
	if err != nil || after != before || s.content(t, "late") != "a" {
		t.Errorf("a block that was staged later changed the blob: %+v, %v", after, err)
	}
}

func (s suite) replacedBlobs(t *testing.T) {
	t.Helper()

	s.stage(t, "replaced", "id-1", "a", "id-2", "b")

	if _, err := s.blobs.Commit(
		t.Context(), s.container, "replaced", []string{"id-2"}, handlers.WriteOptions{},
	); err != nil {
		t.Fatal(err)
	}

	_, err := s.blobs.Commit(t.Context(), s.container, "replaced", []string{"id-1"}, handlers.WriteOptions{})
	want(t, "a commit after the blob was replaced", err, handlers.ErrNoBlock)
}

func (s suite) discard(t *testing.T) {
	t.Helper()

	s.stage(t, "discard", "id-1", "a")
	want(t, "discard", s.blobs.Discard(t.Context(), s.container, "discard"), nil)

	_, err := s.blobs.Blocks(t.Context(), s.container, "discard")
	want(t, "blocks after discard", err, handlers.ErrNoBlob)
	want(t, "discard of nothing", s.blobs.Discard(t.Context(), s.container, "discard"), nil)

	_, err = s.blobs.Stat(t.Context(), s.container, "discard")
	want(t, "stat after discard", err, handlers.ErrNoBlob)

	s.put(t, "kept", "kept", handlers.WriteOptions{})
	want(t, "discard of a blob", s.blobs.Discard(t.Context(), s.container, "kept"), nil)

	if got := s.content(t, "kept"); got != "kept" {
		t.Errorf("discard changed a blob to %q", got)
	}
}

func (s suite) delete(t *testing.T) {
	t.Helper()

	first := s.put(t, "deleted", "a", handlers.WriteOptions{})
	second := s.put(t, "deleted", "b", handlers.WriteOptions{})

	want(t, "delete of another version",
		s.blobs.Delete(t.Context(), s.container, "deleted", first.ETag), handlers.ErrBlobChanged)

	for range 2 {
		want(t, "delete", s.blobs.Delete(t.Context(), s.container, "deleted", second.ETag), nil)
	}

	_, err := s.blobs.Stat(t.Context(), s.container, "deleted")
	want(t, "stat after delete", err, handlers.ErrNoBlob)
}

func (s suite) limits(t *testing.T) {
	t.Helper()

	for what, c := range map[string]struct{ id, data string }{
		"an empty block":   {"id-1", ""},
		"an empty ID":      {"", "a"},
		"an ID of 65 byte": {strings.Repeat("i", handlers.MaxBlockID+1), "a"},
	} {
		err := s.blobs.Stage(t.Context(), s.container, "limits", c.id, []byte(c.data))
		want(t, what, err, handlers.ErrBlockLimit)
	}

	_, err := s.blobs.Blocks(t.Context(), s.container, "limits")
	want(t, "blocks after refused blocks", err, handlers.ErrNoBlob)

	s.stage(t, "limits", "id-1", "a")
	want(t, "an ID of another length",
		s.blobs.Stage(t.Context(), s.container, "limits", "id-11", []byte("a")), handlers.ErrBlockLimit)

	_, err = s.blobs.Commit(t.Context(), s.container, "limits",
		slices.Repeat([]string{"id-1"}, handlers.MaxBlocks+1), handlers.WriteOptions{})
	want(t, "50,001 blocks", err, handlers.ErrBlockLimit)

	_, err = s.blobs.Commit(t.Context(), s.container, "limits", []string{"id-1", "id-11"}, handlers.WriteOptions{})
	want(t, "IDs of different lengths", err, handlers.ErrBlockLimit)

	if _, err := s.blobs.Commit(t.Context(), s.container, "limits",
		slices.Repeat([]string{"id-1"}, handlers.MaxBlocks), handlers.WriteOptions{}); err != nil {
		t.Errorf("50,000 blocks: %v", err)
	}

	end := make([]byte, 10)
	if err := s.blobs.ReadAt(t.Context(), s.container, "limits", "", end, handlers.MaxBlocks-10); err != nil ||
		string(end) != "aaaaaaaaaa" {
		t.Errorf("the end of 50,000 blocks: got %q, %v", end, err)
	}
}

func (s suite) missingContainers(t *testing.T) {
	t.Helper()

	_, stat := s.blobs.Stat(t.Context(), "none", "blob")
	_, put := s.blobs.Put(t.Context(), "none", "blob", []byte("a"), handlers.WriteOptions{})
	_, blocks := s.blobs.Blocks(t.Context(), "none", "blob")
	_, commit := s.blobs.Commit(t.Context(), "none", "blob", nil, handlers.WriteOptions{})

	for what, err := range map[string]error{
		"stat": stat, "put": put, "blocks": blocks, "commit": commit,
		"stage":   s.blobs.Stage(t.Context(), "none", "blob", "id", []byte("a")),
		"read":    s.blobs.ReadAt(t.Context(), "none", "blob", "", make([]byte, 1), 0),
		"discard": s.blobs.Discard(t.Context(), "none", "blob"),
		"delete":  s.blobs.Delete(t.Context(), "none", "blob", ""),
	} {
		want(t, what, err, handlers.ErrNoContainer)
	}
}

func (s suite) endedContexts(t *testing.T) {
	t.Helper()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := s.blobs.Stat(ctx, s.container, "blob")
	want(t, "stat", err, context.Canceled)
	want(t, "stage", s.blobs.Stage(ctx, s.container, "blob", "id", []byte("a")), context.Canceled)
}
