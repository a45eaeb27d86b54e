package tiff_test

import (
	"bytes"
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/tiff"
)

// TestReadsEveryKind compares windows of each kind of file with the pixels that
// were written.
func TestReadsEveryKind(t *testing.T) {
	t.Parallel()

	for name, spec := range rastersample.Kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			want := make([]byte, spec.Width*spec.Height*spec.PixelSize())
			spec.Rows(0, spec.Height, want)

			im := open(t, spec)
			compare(t, im, spec, want, 0, spec.Width, 97)
			compare(t, im, spec, want, 101, 150, 256)
		})
	}
}

func open(t *testing.T, spec rastersample.Spec) *tiff.Image {
	t.Helper()

	src, err := rastersample.Source(spec)
	if err != nil {
		t.Fatal(err)
	}

	f, err := tiff.Open(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}

	im, err := f.Main()
	if err != nil {
		t.Fatal(err)
	}

	return im
}

// compare reads a window in steps of some rows.
func compare(t *testing.T, im *tiff.Image, spec rastersample.Spec, want []byte, x, width, step int) {
	t.Helper()

	r, err := im.NewReader(t.Context(), x, width)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	pixel := spec.PixelSize()

	for y := 0; y < spec.Height; y += step {
		rows := min(step, spec.Height-y)

		got := make([]byte, rows*width*pixel)
		if err := r.Read(t.Context(), y, rows, got); err != nil {
			t.Fatal(err)
		}

		for row := range rows {
			got, want := got[row*width*pixel:][:width*pixel], want[((y+row)*spec.Width+x)*pixel:][:width*pixel]
			if spec.Compression == tiff.JPEG {
				similar(t, y+row, got, want)
			} else if !bytes.Equal(got, want) {
				t.Fatalf("row %d differs:\ngot  % x\nwant % x", y+row, got[:48], want[:48])
			}
		}
	}
}

// similar accepts what JPEG changes.
func similar(t *testing.T, y int, got, want []byte) {
	t.Helper()

	sum := 0
	for i := range got {
		sum += max(int(got[i])-int(want[i]), int(want[i])-int(got[i]))
	}

	if mean := float64(sum) / float64(len(got)); mean > 25 {
		t.Fatalf("row %d differs by %.1f on average", y, mean)
	}
}
