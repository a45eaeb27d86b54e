package xyz_test

import (
	"bytes"
	"context"
	"testing"

	"go.uber.org/goleak"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/geo"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/raster/xyz"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sample is a raster in memory with its report.
type sample struct {
	file   *tiff.File
	report *geo.Report
	data   []byte
}

func newSample(t *testing.T, spec rastersample.Spec) *sample {
	t.Helper()

	data, err := rastersample.Bytes(spec)
	if err != nil {
		t.Fatal(err)
	}

	f, err := tiff.Open(t.Context(), tiff.FromReaderAt(bytes.NewReader(data), int64(len(data))))
	if err != nil {
		t.Fatal(err)
	}

	r, err := geo.Describe(t.Context(), f, geo.ValidateOptions{})
	if err != nil {
		t.Fatal(err)
	}

	return &sample{f, r, data}
}

func (s *sample) plan(t *testing.T, o xyz.Options) *xyz.Plan {
	t.Helper()

	p, err := xyz.NewPlan(s.report, s.file.Images[0], true, o)
	if err != nil {
		t.Fatal(err)
	}

	return p
}

// stats stretches all bands alike.
var stats = []cog.BandStats{{Count: 1, P2: -400, P98: 12000}, {Count: 1, P98: 1}, {Count: 1, P98: 1}}

// render returns the pictures of all tiles, nil for those without data.
func (s *sample) render(t *testing.T, p *xyz.Plan) map[xyz.Tile][]byte {
	t.Helper()

	r, err := xyz.NewRenderer(t.Context(), p, s.file, stats)
	if err != nil {
		t.Fatal(err)
	}

	all := map[xyz.Tile][]byte{}

	for block := range p.Blocks() {
		err := r.Block(t.Context(), block, func(_ context.Context, tile xyz.Tile, picture []byte) error {
			if _, twice := all[tile]; twice {
				t.Errorf("tile %s was rendered twice", tile.Name())
			}

			all[tile] = picture

			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	if int64(len(all)) != p.Tiles {
		t.Errorf("%d tiles were rendered, planned %d", len(all), p.Tiles)
	}

	return all
}

// both are zooms from the resolution of the raster.
var both = xyz.Options{MinZoom: xyz.Auto, MaxZoom: xyz.Auto}
