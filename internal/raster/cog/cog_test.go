package cog_test

import (
	"bytes"
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/geo"
	"coremachine/internal/raster/tiff"
)

// pixels reads a whole level.
func pixels(t *testing.T, im *tiff.Image) []byte {
	t.Helper()

	r, err := im.NewReader(t.Context(), 0, im.Width)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	data := make([]byte, im.Width*im.Height*im.PixelSize())
	if err := r.Read(t.Context(), 0, im.Height, data); err != nil {
		t.Fatal(err)
	}

	return data
}

func reopen(t *testing.T, data []byte) *tiff.File {
	t.Helper()

	f, err := tiff.Open(t.Context(), tiff.FromReaderAt(bytes.NewReader(data), int64(len(data))))
	if err != nil {
		t.Fatal(err)
	}

	return f
}

// TestOutputOfEveryKind makes a COG of each kind of file. The pixels are those
// of the source, and the validator finds nothing.
func TestOutputOfEveryKind(t *testing.T) {
	t.Parallel()

	for name, spec := range rastersample.Kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			im := source(t, spec)
			options := cog.Options{BlockSize: 128, TaskLevels: 1, Statistics: true, Sparse: spec.Sparse}

			if spec.BigEndian {
				options.Compression = cog.Zstd
			}

			file, out, plan := build(t, im, options)
			f := reopen(t, file)

			v, err := geo.Validate(t.Context(), f, geo.ValidateOptions{Leaders: -1})
			if err != nil || !v.Valid(true) {
				t.Errorf("validation: %v, %v", v, err)
			}

			if got, want := len(f.Images), plan.LevelCount(); got != want || got != 3 {
				t.Errorf("%d levels, want %d", got, want)
			}

			if !bytes.Equal(pixels(t, f.Images[0]), pixels(t, im)) {
				t.Error("the pixels differ from the source")
			}

			if f.Images[0].NoData != im.NoData || f.Images[0].HasAlpha() != im.HasAlpha() || out.BigTIFF {
				t.Errorf("nodata %q, alpha %t, BigTIFF %t", f.Images[0].NoData, f.Images[0].HasAlpha(), out.BigTIFF)
			}
		})
	}
}

// TestOutputDoesNotDependOnTheSplit compares the bytes for different sizes of
// tasks, orders and attempts.
func TestOutputDoesNotDependOnTheSplit(t *testing.T) {
	t.Parallel()

	for name, spec := range map[string]rastersample.Spec{
		"u8 tiles": {Width: 540, Height: 300, Bands: 3, Tile: 256, Seed: 1},
		"f32 nodata tiles": {
			Width: 300, Height: 540, Type: tiff.Float32, NoData: "-1", Holes: true, Tile: 64, Seed: 2,
		},
		"u16 strips": {Width: 1100, Height: 300, Type: tiff.Uint16, NoData: "0", Holes: true, Seed: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			im := source(t, spec)

			var first []byte

			for levels := 1; levels <= 5; levels++ {
				options := cog.Options{BlockSize: 128, TaskLevels: levels, Statistics: true, Sparse: true}

				file, _, _ := build(t, im, options)
				if first == nil {
					first = file
				}

				if !bytes.Equal(file, first) {
					t.Errorf("the output for tasks of 2^%d tiles differs from that of 2^1", levels)
				}
			}
		})
	}
}

// TestOverviewsAreMeansOfValidPixels compares reduced pixels with a plain
// computation.
func TestOverviewsAreMeansOfValidPixels(t *testing.T) {
	t.Parallel()

	spec := rastersample.Spec{Width: 301, Height: 203, Type: tiff.Int16, NoData: "-7", Holes: true, Seed: 5}
	im := source(t, spec)
	file, _, _ := build(t, im, cog.Options{BlockSize: 128, Statistics: true})
	f := reopen(t, file)

	full, half := pixels(t, f.Images[0]), pixels(t, f.Images[1])
	noData, _ := tiff.Int16.Parse("-7")

	for y := range f.Images[1].Height {
		for x := range f.Images[1].Width {
			sum, n := 0, 0

			for dy := 2 * y; dy < min(2*y+2, spec.Height); dy++ {
				for dx := 2 * x; dx < min(2*x+2, spec.Width); dx++ {
					if bits := tiff.Int16.Bits(full[(dy*spec.Width+dx)*2:]); bits != noData {
						sum += int(tiff.Int16.Value(bits))
						n++
					}
				}
			}

			got := int(tiff.Int16.Value(tiff.Int16.Bits(half[(y*f.Images[1].Width+x)*2:])))
			if want := mean(sum, n); got != want {
				t.Fatalf("pixel %d, %d: got %d, want %d", x, y, got, want)
			}
		}
	}
}

// mean rounds half away from zero. No data is -7, and a mean of -7 becomes -6.
func mean(sum, n int) int {
	switch {
	case n == 0:
		return -7
	case sum < 0:
		sum = -((-2*sum + n) / (2 * n))
	default:
		sum = (2*sum + n) / (2 * n)
	}

	if sum == -7 {
		return -6
	}

	return sum
}

// TestPlanCoversEveryTileOnce divides rasters of many sizes.
func TestPlanCoversEveryTileOnce(t *testing.T) {
	t.Parallel()

	spec := rastersample.Spec{Width: 16, Height: 16, Tile: 16}
	im := source(t, spec)

	for side := 1; side <= 3000; side += 41 {
		im.Width, im.Height = side, 3001-side

		for levels := 1; levels <= 5; levels++ {
			plan, err := cog.NewPlan(im, cog.Options{BlockSize: 128, TaskLevels: levels})
			if err != nil {
				t.Fatal(err)
			}

			area := 0

			for task := range plan.Tasks {
				x, y, width, height := plan.Window(task)
				if width < 1 || height < 1 || x+width > im.Width || y+height > im.Height {
					t.Fatalf("%d x %d: task %d has the window %d, %d, %d, %d",
						im.Width, im.Height, task, x, y, width, height)
				}

				area += width * height
			}

			if area != im.Width*im.Height {
				t.Errorf("%d x %d in 2^%d tiles: tasks cover %d pixels", im.Width, im.Height, levels, area)
			}
		}
	}
}

// TestPlanRefusesWhatDoesNotFit has an error with a code for each limit.
func TestPlanRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()

	rgb := rastersample.Spec{Width: 64, Height: 64, Bands: 3, Tile: 64}
	u16 := rastersample.Spec{Width: 64, Height: 64, Type: tiff.Uint16, Tile: 64}
	rgbZero, rgbMinus := rgb, rgb
	rgbZero.NoData, rgbMinus.NoData = "0", "-1"

	for _, c := range []struct {
		name    string
		spec    rastersample.Spec
		side    int
		options cog.Options
		want    tiff.Code
	}{
		{"too many blocks", rgb, 600_000, cog.Options{BlockSize: 128}, tiff.CodeTooLarge},
		{"too wide", rgb, 1_000_001, cog.Options{}, tiff.CodeTooLarge},
		{"too much memory", rgb, 64, cog.Options{Limits: cog.Limits{TaskMemory: 1000}}, tiff.CodeTooLarge},
		{"too many tasks", rgb, 10_000, cog.Options{Limits: cog.Limits{Tasks: 1}, TaskLevels: 3}, tiff.CodeTooLarge},
		{"block size", rgb, 64, cog.Options{BlockSize: 500}, tiff.CodeInvalid},
		{"level", rgb, 64, cog.Options{Level: 10}, tiff.CodeInvalid},
		{"jpeg of u16", u16, 64, cog.Options{Compression: cog.JPEG}, tiff.CodeInvalid},
		{"jpeg with nodata", rgbZero, 64, cog.Options{Compression: cog.JPEG}, tiff.CodeInvalid},
		{"jpeg with a nodata value that no byte is", rgbMinus, 64, cog.Options{Compression: cog.JPEG}, ""},
		{"nodata", u16, 64, cog.Options{NoData: "-1"}, tiff.CodeInvalid},
		{"predictor", u16, 64, cog.Options{Predictor: cog.Float}, tiff.CodeInvalid},
		{"compression", u16, 64, cog.Options{Compression: "webp"}, tiff.CodeInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			im := source(t, c.spec)
			im.Width, im.Height = c.side, c.side

			_, err := cog.NewPlan(im, c.options)
			if got := tiff.CodeOf(err); got != c.want || err != nil && c.want == "" {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}
