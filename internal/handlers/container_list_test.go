package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"coremachine/internal/state"
)

// shelf is storage in memory. It serves pages, an error after them, and the
// head or the error of each blob.
type shelf struct {
	NoBlobs

	pages [][]Blob
	err   error
	heads map[string]any
}

func (s shelf) Pages(context.Context, string, string, int) iter.Seq2[[]Blob, error] {
	return func(yield func([]Blob, error) bool) {
		for _, p := range s.pages {
			if !yield(append([]Blob(nil), p...), nil) {
				return
			}
		}

		if s.err != nil {
			yield(nil, s.err)
		}
	}
}

func (s shelf) Head(_ context.Context, _, name string, _ int) ([]byte, error) {
	switch v := s.heads[name].(type) {
	case string:
		return []byte(v), nil
	case error:
		return nil, v
	}

	return nil, ErrNoBlob
}

// blobs returns n blobs whose names have a prefix.
func blobs(prefix string, n int) []Blob {
	list := make([]Blob, n)
	for i := range list {
		list[i] = Blob{
			Name:     fmt.Sprintf("%s%05d", prefix, i),
			Size:     int64(i),
			Modified: time.Unix(int64(i), 0).UTC(),
		}
	}

	return list
}

// runList runs the handler and returns its parts.
func runList(
	t *testing.T,
	s shelf,
	in ContainerListInput,
) (out ContainerListOutput, parts []BlobPage, err error) {
	t.Helper()

	task := NewTask(TaskSpec{Deps: Deps{Blobs: s}, Emit: func(_ context.Context, part []byte) error {
		var page BlobPage
		if err := json.Unmarshal(part, &page); err != nil {
			return err
		}

		parts = append(parts, page)

		return nil
	}})
	out, err = containerList(t.Context(), task, in)

	return out, parts, err
}

func TestContainerList_StopsAtTheLimit(t *testing.T) {
	t.Parallel()

	two := shelf{pages: [][]Blob{blobs("a", 10), blobs("b", 10)}}
	for _, c := range []struct {
		limit, blobs, seen int
		truncated          bool
	}{
		{5, 5, 6, true},
		{10, 10, 10, true},
		{11, 11, 12, true},
		{19, 19, 20, true},
		{20, 20, 20, false},
		{21, 20, 20, false},
	} {
		out, parts, err := runList(t, two, ContainerListInput{Limit: c.limit})
		if err != nil || out.Blobs != c.blobs || out.Seen != c.seen || out.Truncated != c.truncated {
			t.Errorf("limit %d: %+v, %v", c.limit, out, err)
		}

		emitted := 0
		for _, p := range parts {
			emitted += len(p.Blobs)
		}

		if emitted != c.blobs {
			t.Errorf("limit %d: %d blobs emitted, %d counted", c.limit, emitted, out.Blobs)
		}
	}
}

// TestContainerList_SplitsPages uses names that make a page far larger than the
// maximum size of a part.
func TestContainerList_SplitsPages(t *testing.T) {
	t.Parallel()

	page := blobs(strings.Repeat("\u0001", 1000), MaxPage)

	out, parts, err := runList(t, shelf{pages: [][]Blob{page}}, ContainerListInput{Limit: 1_000_000})
	if err != nil || out.Blobs != MaxPage || len(parts) < 30 {
		t.Fatalf("%+v in %d parts, %v", out, len(parts), err)
	}

	next := 0

	for _, p := range parts {
		for _, b := range p.Blobs {
			if b.Name != page[next].Name {
				t.Fatalf("blob %d is %q", next, b.Name)
			}

			next++
		}
	}

	if next != MaxPage {
		t.Errorf("the parts contain %d blobs", next)
	}
}

func TestContainerList_Errors(t *testing.T) {
	t.Parallel()

	for err, permanent := range map[error]bool{
		ErrNoContainer: true, ErrStorageRejected: true, ErrNoStorage: true,
		ErrStorageBusy: false, ErrStorageUnreachable: false, context.Canceled: false,
	} {
		wrapped := RetryAfter(7*time.Second, fmt.Errorf("%w (503)", err))

		_, _, got := runList(
			t,
			shelf{pages: [][]Blob{blobs("a", 3)}, err: wrapped},
			ContainerListInput{Limit: 100},
		)
		if !errors.Is(got, err) || IsPermanent(got) != permanent {
			t.Errorf("%v: got %v, permanent %t", err, got, IsPermanent(got))
		}

		if wait, said := RetryDelay(got); !said || wait != 7*time.Second {
			t.Errorf("%v: retry delay %s, %t", err, wait, said)
		}
	}
}

func TestContainerInspect(t *testing.T) {
	t.Parallel()

	s := shelf{heads: map[string]any{
		"a.png":        "\x89PNG\r\n\x1a\nrest",
		"b.png":        "GIF89a\x01\x00",
		"c":            "GIF89a\x01\x00",
		"archived.zip": fmt.Errorf("%w (409 BlobArchived)", ErrBlobUnreadable),
		"busy": RetryAfter(
			time.Second,
			ErrStorageBusy,
		),
		"closed":    ErrStorageRejected,
		"container": ErrNoContainer,
	}}

	task := NewTask(TaskSpec{Deps: Deps{Blobs: s}, Params: []byte(`{"container":"c"}`)})
	for name, want := range map[string]ContainerInspectOutput{
		"a.png":        {Kind: "png"},
		"b.png":        {Kind: "gif", Differs: true, Name: "b.png"},
		"c":            {Kind: "gif"},
		"gone":         {Skipped: SkippedDeleted, Name: "gone"},
		"archived.zip": {Skipped: SkippedUnreadable, Name: "archived.zip"},
	} {
		if got, err := containerInspect(
			t.Context(),
			task,
			ContainerInspectInput{Name: name, Size: 9},
		); err != nil ||
			got != want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}

	if got, err := containerInspect(
		t.Context(),
		task,
		ContainerInspectInput{Name: "gone"},
	); err != nil ||
		got.Kind != KindEmpty {
		t.Errorf("an empty blob was read: %+v, %v", got, err)
	}

	for name, permanent := range map[string]bool{"busy": false, "closed": true, "container": true} {
		if _, err := containerInspect(
			t.Context(),
			task,
			ContainerInspectInput{Name: name, Size: 9},
		); err == nil ||
			IsPermanent(err) != permanent {
			t.Errorf("%s: %v, want permanent: %t", name, err, permanent)
		}
	}
}

func TestNoBlobs_NamesTheSettings(t *testing.T) {
	t.Parallel()

	_, err := NoBlobs{}.Head(t.Context(), "c", "b", 1)
	if !errors.Is(err, ErrNoStorage) || !strings.Contains(err.Error(), "STORAGE__blobServiceUri") {
		t.Errorf("got %v", err)
	}

	task := NewTask(TaskSpec{Deps: Deps{Blobs: NoBlobs{}}})
	if _, err := containerList(t.Context(), task, ContainerListInput{Limit: 1}); !IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

// TestContainerSummary_IsBounded uses the longest names of the characters that
// need the most bytes, and fills every list of the summary.
func TestContainerSummary_IsBounded(t *testing.T) {
	t.Parallel()

	var l storedResults

	add := func(part int, v any) {
		b, err := Encode(v)
		if err != nil {
			t.Fatal(err)
		}

		l.all = append(l.all, StoredResult{Part: part, Data: b})
	}

	const n = 500
	for i := range n {
		worst := strings.Repeat("\u0001", 1000) + fmt.Sprintf("%05d", i)
		add(i, BlobPage{Blobs: []Blob{
			{
				Name:        worst + "/" + strings.Repeat("\u0002", 10),
				ContentType: worst,
				Size:        int64(i),
				MD5:         fmt.Appendf(nil, "%016d", i),
				Modified:    time.Unix(int64(i), 0),
			},
			{
				Name:        worst + "/x." + fmt.Sprintf("ext%d", i),
				ContentType: worst,
				Size:        int64(i),
				MD5:         fmt.Appendf(nil, "%016d", i),
				Modified:    time.Unix(int64(i), 0),
			},
		}})
	}

	add(-1, ContainerListOutput{Blobs: 2 * n})

	task := NewTask(TaskSpec{Lineage: l, Params: []byte(`{"container":"c","inspect":false}`)})

	out, err := containerSummary(t.Context(), task, ContainerSummaryInput{})
	if err != nil {
		t.Fatal(err)
	}

	out.Inspected = &ContainerInspected{}

	for range shownNames {
		name := strings.Repeat("\u0001", 1024)
		out.Inspected.DifferNames = append(out.Inspected.DifferNames, NamedKind{name, "png"})
		out.Inspected.SkippedNames = append(out.Inspected.SkippedNames, name)
	}

	b, err := Encode(out)
	if err != nil {
		t.Fatalf("the summary exceeds %d bytes: %v", state.MaxResult, err)
	}

	t.Logf("%d KB", len(b)>>10)

	if g := out.ByFolder; len(g.Groups) != shownFolders || g.Other.Blobs != 2*(n-shownFolders) || !g.Exact {
		t.Errorf("%d folders, other %+v, exact %t", len(g.Groups), g.Other, g.Exact)
	}

	if d := out.Duplicates; d.Copies != n || len(d.Groups) != shownCopies ||
		len(d.Groups[0].Names) != shownCopyNames ||
		d.Groups[0].Size != n-1 {
		t.Errorf("%d copies, %d groups", d.Copies, len(d.Groups))
	}

	if bytes.Contains(b, []byte("null")) {
		t.Error("a list is null")
	}
}
