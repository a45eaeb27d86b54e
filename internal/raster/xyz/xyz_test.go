package xyz_test

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"math"
	"strings"
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/geo"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/raster/xyz"
)

func decode(t *testing.T, picture []byte) *image.NRGBA {
	t.Helper()

	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}

	if size := img.Bounds().Size(); size.X != 256 || size.Y != 256 {
		t.Errorf("a tile has %v pixels", size)
	}

	if straight, ok := img.(*image.NRGBA); ok {
		return straight
	}

	out := image.NewNRGBA(img.Bounds())
	draw.Draw(out, out.Rect, img, image.Point{}, draw.Src)

	return out
}

// TestTilesOfEveryKind renders each kind of file. Pixels without data and those
// beyond the raster are transparent.
func TestTilesOfEveryKind(t *testing.T) {
	t.Parallel()

	for kind, spec := range rastersample.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()

			s := newSample(t, spec)
			low, high := extent(spec)
			o := both
			o.Stretch = fmt.Sprintf("%g,%g", low, high)

			if p := s.plan(t, o); p.MinZoom != 12 || p.MaxZoom != 13 {
				t.Errorf("zooms %d to %d, want 12 to 13", p.MinZoom, p.MaxZoom)
			}

			o.MinZoom = 13
			p := s.plan(t, o)
			visible, colours := 0, map[uint32]bool{}

			for _, picture := range s.render(t, p) {
				if picture == nil {
					continue
				}

				pix := decode(t, picture).Pix
				for i := 0; i < len(pix); i += 4 {
					if pix[i+3] > 0 {
						visible++
						colours[uint32(pix[i])|uint32(pix[i+1])<<8|uint32(pix[i+2])<<16] = true
					}
				}
			}

			// The pixels of the raster, in those of the tiles.
			area := float64(spec.Width*spec.Height) * math.Exp2(2*(float64(p.MaxZoom)-p.Native))
			if part := float64(visible) / area; part > 1.01 || part < 0.3 || part < 0.99 && !spec.Holes {
				t.Errorf("%.3f of the raster is visible", part)
			}

			if len(colours) < 10 {
				t.Errorf("%d colours", len(colours))
			}
		})
	}
}

// extent returns the lowest and the highest value of a sample.
func extent(spec rastersample.Spec) (low, high float64) {
	data := make([]byte, spec.Width*spec.Height*spec.PixelSize())
	spec.Rows(0, spec.Height, data)

	typ := max(spec.Type, tiff.Uint8)
	noData, declared := typ.Parse(tiff.NoDataText(spec.NoData))
	low, high = math.Inf(1), math.Inf(-1)

	for ; len(data) > 0; data = data[typ.Size():] {
		if bits := typ.Bits(data); !declared || bits != noData {
			v := typ.Value(bits)
			low, high = min(low, v), max(high, v)
		}
	}

	return low, high
}

// TestTilesShowTheNearestPixel compares all pixels with a plain computation.
func TestTilesShowTheNearestPixel(t *testing.T) {
	t.Parallel()

	for kind, spec := range map[string]rastersample.Spec{
		"utm":     {Width: 250, Height: 200, Seed: 3},
		"rotated": {Width: 200, Height: 250, Seed: 4, Matrix: true, Tile: 128},
		"degrees": {Width: 150, Height: 100, Seed: 5, EPSG: 4326},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()

			s := newSample(t, spec)
			data := make([]byte, spec.Width*spec.Height)
			spec.Rows(0, spec.Height, data)

			// Positions are computed up to zoom 3, and interpolated from there on.
			for _, z := range []int{3, 8, 13} {
				p := s.plan(t, xyz.Options{MinZoom: z, MaxZoom: z})
				differ, total := 0, 0

				for tile, picture := range s.render(t, p) {
					img := image.NewNRGBA(image.Rect(0, 0, 256, 256))
					if picture != nil {
						img = decode(t, picture)
					}

					differ += wrong(p, spec, data, tile, img)
					total += 256 * 256
				}

				// Positions between two pixels may fall to either side.
				if differ > total/2000 {
					t.Errorf("zoom %d: %d of %d pixels differ", z, differ, total)
				}
			}
		})
	}
}

// wrong counts the pixels of a tile that differ from a plain computation.
func wrong(p *xyz.Plan, spec rastersample.Spec, data []byte, tile xyz.Tile, img *image.NRGBA) (count int) {
	for y := range 256 {
		for x := range 256 {
			value, inside := nearest(p, spec, data, tile, x, y)
			if got := img.NRGBAAt(x, y); (got.A > 0) != inside || inside && got.R != value {
				count++
			}
		}
	}

	return count
}

// nearest returns the value at the centre of a pixel of a tile.
func nearest(p *xyz.Plan, spec rastersample.Spec, data []byte, tile xyz.Tile, x, y int) (value byte, inside bool) {
	size := 256 * math.Exp2(float64(tile.Zoom))
	lon := (float64(tile.X*256+x)+0.5)/size*360 - 180
	north := math.Pi * (1 - 2*(float64(tile.Y*256+y)+0.5)/size)
	lat := math.Atan(math.Sinh(north)) * 180 / math.Pi

	// Far away, the projection has no meaning.
	if math.Abs(lon-15) > 20 || math.Abs(lat-50) > 20 {
		return 0, false
	}

	column, row := p.Transform.Pixel(geo.ForEPSG(p.EPSG).Forward(lon, lat))
	if column < 0 || row < 0 || column >= float64(spec.Width) || row >= float64(spec.Height) {
		return 0, false
	}

	return data[int(row)*spec.Width+int(column)], true
}

// TestBilinearTilesCoverTheSamePixels also looks at the edges of holes.
func TestBilinearTilesCoverTheSamePixels(t *testing.T) {
	t.Parallel()

	s := newSample(t, rastersample.Spec{
		Width: 200, Height: 150, Seed: 6, Type: tiff.Int16, NoData: "-32768", Holes: true, Tile: 64,
	})
	sharp := s.render(t, s.plan(t, xyz.Options{MinZoom: 14, MaxZoom: 15, Stretch: "-500,9000"}))
	smooth := s.render(t, s.plan(t, xyz.Options{
		MinZoom: 14, MaxZoom: 15, Stretch: "-500,9000", Resampling: xyz.Bilinear,
	}))
	values := 0

	for tile, picture := range sharp {
		if (picture == nil) != (smooth[tile] == nil) {
			t.Fatalf("tile %s is empty in one of both", tile.Name())
		}

		if picture == nil {
			continue
		}

		a, b := decode(t, picture), decode(t, smooth[tile])
		for i := 0; i < len(a.Pix); i += 4 {
			if a.Pix[i+3] != b.Pix[i+3] {
				t.Fatalf("tile %s: pixel %d has opacity %d and %d", tile.Name(), i/4, a.Pix[i+3], b.Pix[i+3])
			}

			if a.Pix[i] != b.Pix[i] {
				values++
			}

			// A mean with the nodata value would be black.
			if a.Pix[i+3] > 0 && int(b.Pix[i]) < int(a.Pix[i])-120 {
				t.Fatalf("tile %s: pixel %d is %d and %d", tile.Name(), i/4, a.Pix[i], b.Pix[i])
			}
		}
	}

	if values == 0 {
		t.Error("no pixel is a mean")
	}
}

// TestLongitudesBeyond180 renders a grid of the world that begins at 0 degrees.
func TestLongitudesBeyond180(t *testing.T) {
	t.Parallel()

	spec := rastersample.Spec{Width: 360, Height: 180, EPSG: 4326, Seed: 7}
	s := newSample(t, spec)
	s.report.Transform = &geo.Transform{0, 1, 0, 90, 0, -1}
	s.report.LonLatBounds = &geo.Bounds{West: 0, South: -90, East: 360, North: 90}

	p := s.plan(t, xyz.Options{MinZoom: 0, MaxZoom: 0})
	img := decode(t, s.render(t, p)[xyz.Tile{}])
	data := make([]byte, spec.Width*spec.Height)
	spec.Rows(0, spec.Height, data)

	for x := range 256 {
		lon := (float64(x)+0.5)/256*360 - 180
		if lon < 0 {
			lon += 360
		}

		got := img.NRGBAAt(x, 128)
		if want := data[90*360+int(lon)]; got.A != 255 || got.R != want {
			t.Fatalf("column %d (longitude %.1f): got %v, want %d", x, lon, got, want)
		}
	}
}

// TestPlanRefusesWhatCannotBeTiled has an error with a code for each reason.
func TestPlanRefusesWhatCannotBeTiled(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		name    string
		spec    rastersample.Spec
		options xyz.Options
		stats   bool
		want    tiff.Code
		says    string
	}{
		{"fine", rastersample.Spec{}, both, false, "", ""},
		{
			"projection",
			rastersample.Spec{EPSG: 2154},
			both, true, tiff.CodeNotProjectable,
			"EPSG:2154 cannot be projected to Web Mercator here; submit with tiles=none",
		},
		{"zooms", rastersample.Spec{}, xyz.Options{MinZoom: 9, MaxZoom: 8}, true, tiff.CodeInvalid, "min_zoom is 9"},
		{"too deep", rastersample.Spec{}, xyz.Options{MinZoom: 9, MaxZoom: 25}, true, tiff.CodeInvalid, "max_zoom is"},
		{
			"too many",
			rastersample.Spec{Width: 256, Height: 256},
			xyz.Options{MinZoom: xyz.Auto, MaxZoom: 24},
			true,
			tiff.CodeTooLarge, "More than 1000000 web tiles needed up to zoom",
		},
		{
			"palette",
			rastersample.Spec{Palette: true},
			xyz.Options{Resampling: xyz.Bilinear},
			true, tiff.CodeInvalid,
			"use tile_resampling=nearest",
		},
		{"no statistics", rastersample.Spec{Type: tiff.Uint16}, both, false, tiff.CodeInvalid, "statistics=true"},
		{"stretch", rastersample.Spec{}, xyz.Options{Stretch: "9,3"}, true, tiff.CodeInvalid, "a lower and a higher"},
		{"half a stretch", rastersample.Spec{}, xyz.Options{Stretch: "9,"}, true, tiff.CodeInvalid, "stretch is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			if c.spec.Width == 0 {
				c.spec.Width, c.spec.Height = 64, 64
			}

			s := newSample(t, c.spec)

			_, err := xyz.NewPlan(s.report, s.file.Images[0], c.stats, c.options)
			if got := tiff.CodeOf(err); got != c.want || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q (%v), want %q and %q", got, err, c.want, c.says)
			}
		})
	}
}

// FuzzPlan plans the web tiles of damaged files.
func FuzzPlan(f *testing.F) {
	for _, spec := range []rastersample.Spec{{}, {EPSG: 4326, Points: true}, {Matrix: true}, {EPSG: 3857}} {
		spec.Width, spec.Height = 32, 32

		data, err := rastersample.Bytes(spec)
		if err != nil {
			f.Fatal(err)
		}

		f.Add(data)
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := tiff.Open(t.Context(), tiff.FromReaderAt(bytes.NewReader(data), int64(len(data))))
		if err != nil || file.Images[0].BlockCount() > 1<<16 {
			return
		}

		r, err := geo.Describe(t.Context(), file, geo.ValidateOptions{Leaders: 1})
		if err != nil {
			return
		}

		p, err := xyz.NewPlan(r, file.Images[0], true, both)
		if err != nil {
			if tiff.CodeOf(err) == "" {
				t.Errorf("an error without a code: %v", err)
			}

			return
		}

		tiles := int64(0)

		for block := range p.Blocks() {
			area := p.Area(block.Zoom)
			tiles += int64(min(block.X+8, area.X1)-max(block.X, area.X0)) *
				int64(min(block.Y+8, area.Y1)-max(block.Y, area.Y0))
		}

		if tiles != p.Tiles || tiles > xyz.MaxTiles || tiles < 1 {
			t.Errorf("the blocks have %d tiles, planned %d: %+v %v", tiles, p.Tiles, p.Bounds, p.Native)
		}
	})
}
