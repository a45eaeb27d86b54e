package tiff_test

import (
	"bytes"
	"context"
	"runtime/metrics"
	"testing"
	"unicode"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/tiff"
)

// readAll decodes the whole file.
func readAll(ctx context.Context, data []byte) error {
	f, err := tiff.Open(ctx, tiff.FromReaderAt(bytes.NewReader(data), int64(len(data))))
	if err != nil {
		return err
	}

	im, err := f.Main()
	if err != nil {
		return err
	}

	const rows, memory = 64, 64 << 20

	row := im.Width * im.PixelSize()
	if row > memory/rows || im.ReaderMemory(im.Width, rows) > memory {
		return nil
	}

	r, err := im.NewReader(ctx, 0, im.Width)
	if err != nil {
		return err
	}
	defer r.Close()

	for y := 0; y < min(im.Height, 8*rows); y += rows {
		n := min(rows, im.Height-y)
		if err := r.Read(ctx, y, n, make([]byte, n*row)); err != nil {
			return err
		}
	}

	return nil
}

// TestRefusesBrokenFiles checks the code and the form of each message.
func TestRefusesBrokenFiles(t *testing.T) {
	t.Parallel()

	broken, err := rastersample.AllBroken()
	if err != nil {
		t.Fatal(err)
	}

	if len(broken) < 22 {
		t.Errorf("%d broken files", len(broken))
	}

	for _, b := range broken {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()

			err := readAll(t.Context(), b.Data)
			if got := tiff.CodeOf(err); got != b.Code {
				t.Fatalf("got %q (%v), want %q", got, err, b.Code)
			}

			text := err.Error()
			if len(text) < 20 || len(text) > 250 || !unicode.IsUpper(rune(text[0])) {
				t.Errorf("message: %q", text)
			}

			t.Log(text)
		})
	}
}

// allocated returns the bytes that were allocated since the start.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)

	return sample[0].Value.Uint64()
}

// FuzzOpen reads damaged files: without a panic, and with little memory.
func FuzzOpen(f *testing.F) {
	broken, err := rastersample.AllBroken()
	if err != nil {
		f.Fatal(err)
	}

	for _, b := range broken {
		f.Add(b.Data)
	}

	for _, c := range []tiff.Compression{
		tiff.None, tiff.LZW, tiff.JPEG, tiff.AdobeDeflate, tiff.PackBits, tiff.Zstd,
	} {
		for _, order := range []bool{false, true} {
			data, err := rastersample.Bytes(rastersample.Spec{
				Width: 40, Height: 30, Tile: 16, Compression: c, BigEndian: order, BigTIFF: order, Tables: true,
			})
			if err != nil {
				f.Fatal(err)
			}

			f.Add(data)
		}
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		before := allocated()

		if err := readAll(t.Context(), data); err != nil && tiff.CodeOf(err) == "" {
			t.Errorf("an error without a code: %v", err)
		}

		if used := allocated() - before; used > 256<<20 {
			t.Errorf("%d bytes allocated for a file of %d bytes", used, len(data))
		}
	})
}
