package preview_test

import (
	"bytes"
	"image/png"
	"testing"

	"go.uber.org/goleak"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/preview"
	"coremachine/internal/raster/tiff"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPictureOfEveryKind decodes the picture of each kind of file. Some pixels
// differ, and those without data are transparent.
func TestPictureOfEveryKind(t *testing.T) {
	t.Parallel()

	for name, spec := range rastersample.Kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			src, err := rastersample.Source(spec)
			if err != nil {
				t.Fatal(err)
			}

			f, err := tiff.Open(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}

			var b bytes.Buffer

			info, err := preview.PNG(t.Context(), &b, f, 100, nil)
			if err != nil {
				t.Fatal(err)
			}

			img, err := png.Decode(&b)
			if err != nil {
				t.Fatal(err)
			}

			if size := img.Bounds().Size(); size.X != 100 || size.Y != 89 || info.Width != 100 || info.Height != 89 {
				t.Errorf("size %v, %v", size, info)
			}

			colours, transparent := map[uint32]bool{}, 0

			for y := range 89 {
				for x := range 100 {
					r, g, b, a := img.At(x, y).RGBA()
					colours[r^g<<3^b<<7] = true

					if a == 0 {
						transparent++
					}
				}
			}

			if len(colours) < 20 {
				t.Errorf("%d colours", len(colours))
			}

			if (transparent > 0) != spec.Holes {
				t.Errorf("%d transparent pixels", transparent)
			}
		})
	}
}
