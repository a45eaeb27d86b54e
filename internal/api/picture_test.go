package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"coremachine/internal/api"
	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/state"
	"coremachine/internal/test/blobfake"
	"coremachine/internal/test/pgtest/rows"
)

// showing is an engine whose job shows two pictures and a table.
type showing struct{ fakeEngine }

func (showing) Types() []coremachine.JobType {
	types := fakeEngine{}.Types()
	if err := json.Unmarshal([]byte(`[
		{"kind":"image","path":"preview"},{"kind":"image","path":"nested.shot"},{"kind":"table","path":"report"}
	]`), &types[0].Show); err != nil {
		panic(err) // the text is constant
	}

	return types
}

// noise returns a PNG of at least 1 MB, which is several chunks.
func noise(t *testing.T) []byte {
	t.Helper()

	shot := image.NewGray(image.Rect(0, 0, 1100, 1000))
	random := rand.New(rand.NewPCG(1, 2))

	for i := range shot.Pix {
		shot.Pix[i] = byte(random.Uint32())
	}

	var b bytes.Buffer
	if err := png.Encode(&b, shot); err != nil {
		t.Fatal(err)
	}

	return b.Bytes()
}

// shot is a job whose result has a picture with these bytes and this type.
func (s *server) shot(blobs *blobfake.Account, name string, data []byte, contentType string) (path string) {
	s.t.Helper()

	info, err := blobs.Put(s.t.Context(), "out", name, data, handlers.WriteOptions{ContentType: contentType})
	if err != nil {
		s.t.Fatal(err)
	}

	picture, err := json.Marshal(handlers.Picture{
		Container: "out", Blob: name, ETag: info.ETag, ContentType: contentType, Width: 4, Height: 3,
	})
	if err != nil {
		s.t.Fatal(err)
	}

	id := rows.Insert(s.t, s.pool, rows.Job{
		Seed: name, Status: state.JobCompleted,
		Result: fmt.Sprintf(`{"preview":%s,"nested":{"shot":%s},"hidden":%s}`, picture, picture, picture),
	})

	return "/jobs/" + id.String() + "/pictures/"
}

func TestPictureIsStreamedFromStorage(t *testing.T) {
	t.Parallel()

	blobs := blobfake.New("out")
	s := start(t, showing{}, func(o *api.Options) { o.Storage = blobs })
	data := noise(t)
	base := s.shot(blobs, "a.png", data, "image/png")

	for _, path := range []string{"preview", "nested.shot"} {
		got := s.call(http.MethodGet, base+path, nil)
		if got.Status != http.StatusOK || !bytes.Equal(got.Body, data) {
			t.Fatalf("%s: got status %d and %d bytes, want %d", path, got.Status, len(got.Body), len(data))
		}

		for name, want := range map[string]string{
			"Content-Type":                 "image/png",
			"X-Content-Type-Options":       "nosniff",
			"Content-Security-Policy":      "default-src 'none'; sandbox",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control":                "private, no-cache",
			"Content-Length":               strconv.Itoa(len(data)),
		} {
			if h := got.Header.Get(name); h != want {
				t.Errorf("%s: header %s is %q, want %q", path, name, h, want)
			}
		}

		again := s.call(http.MethodGet, base+path, nil, "If-None-Match", got.Header.Get("ETag"))
		if again.Status != http.StatusNotModified || len(again.Body) != 0 {
			t.Errorf("%s: with its tag got status %d and %d bytes, want 304", path, again.Status, len(again.Body))
		}
	}

	if got := s.call(http.MethodHead, base+"preview", nil); got.Status != http.StatusOK || len(got.Body) != 0 {
		t.Errorf("HEAD: got status %d and %d bytes", got.Status, len(got.Body))
	}

	for _, path := range []string{"hidden", "report", "none", "preview.blob", "%00"} {
		got := s.call(http.MethodGet, base+path, nil)
		if got.Status != http.StatusNotFound && got.Status != http.StatusBadRequest {
			t.Errorf("%s: got status %d, want 404 or 400", path, got.Status)
		}
	}

	s.call(http.MethodGet, "/jobs/"+unknownID+"/pictures/preview", nil).problem(http.StatusNotFound)
	s.call(http.MethodGet, base+"preview?size=1", nil).problem(http.StatusBadRequest)
}

// TestHostileBytesAreNotSent stores what a browser could execute, or what would
// fill its memory, under the name of a picture.
func TestHostileBytesAreNotSent(t *testing.T) {
	t.Parallel()

	blobs := blobfake.New("out")
	s := start(t, showing{}, func(o *api.Options) { o.Storage = blobs })
	script := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	pixel := noise(t)

	for name, c := range map[string]struct {
		data        []byte
		contentType string
	}{
		"a document":     {[]byte("<html><script>alert(1)</script>"), "image/png"},
		"a drawing":      {script, "image/svg+xml"},
		"as a picture":   {script, "image/png"},
		"another type":   {pixel, "image/jpeg"},
		"as a document":  {pixel, "text/html"},
		"nothing":        {nil, "image/png"},
		"17 MiB":         {append(bytes.Clone(pixel), make([]byte, 17<<20)...), "image/png"},
		"a type of more": {pixel, "image/png; charset=utf-8"},
	} {
		got := s.call(http.MethodGet, s.shot(blobs, name, c.data, c.contentType)+"preview", nil)
		got.problem(http.StatusNotFound)

		if bytes.Contains(got.Body, []byte("alert")) {
			t.Errorf("%s: the answer contains the bytes", name)
		}
	}
}

func TestReplacedPictureIsNotSent(t *testing.T) {
	t.Parallel()

	blobs := blobfake.New("out")
	s := start(t, showing{}, func(o *api.Options) { o.Storage = blobs })
	data := noise(t)
	path := s.shot(blobs, "a.png", data, "image/png") + "preview"

	if _, err := blobs.Put(
		t.Context(), "out", "a.png", data, handlers.WriteOptions{ContentType: "image/png"},
	); err != nil {
		t.Fatal(err)
	}

	s.call(http.MethodGet, path, nil).problem(http.StatusNotFound)

	if err := blobs.Delete(t.Context(), "out", "a.png", ""); err != nil {
		t.Fatal(err)
	}

	s.call(http.MethodGet, path, nil).problem(http.StatusNotFound)

	// A replacement while the picture is sent breaks the connection.
	path = s.shot(blobs, "b.png", data, "image/png") + "preview"
	blobs.Before = func(ctx context.Context, r blobfake.Request) error {
		if r.Op != blobfake.Read || r.Offset == 0 {
			return nil
		}

		_, err := blobs.Put(ctx, "out", "b.png", data, handlers.WriteOptions{ContentType: "image/png"})

		return err
	}

	resp, err := http.Get(s.url + "/api" + path) //nolint:noctx // a short test request
	if err == nil {
		_, err = new(bytes.Buffer).ReadFrom(resp.Body)
		_ = resp.Body.Close()
	}

	if err == nil {
		t.Error("the answer with bytes of two versions ended normally")
	}
}

func TestPictureWithoutStorageIsUnavailable(t *testing.T) {
	t.Parallel()

	blobs := blobfake.New("out")

	for _, storage := range []api.Storage{nil, handlers.NoBlobs{}} {
		s := start(t, showing{}, func(o *api.Options) { o.Storage = storage })
		got := s.call(http.MethodGet, s.shot(blobs, "a.png", noise(t), "image/png")+"preview", nil)
		got.problem(http.StatusServiceUnavailable)

		if text := string(got.Body); strings.Contains(text, "STORAGE") || strings.Contains(text, "out/") {
			t.Errorf("the answer contains details of storage: %s", text)
		}
	}
}
