package xyz_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/xyz"
	"coremachine/internal/test/needs"
)

// TestTilesMatchGDAL compares tiles with those that gdalwarp makes from the
// source without an error of its own.
func TestTilesMatchGDAL(t *testing.T) {
	t.Parallel()

	python := needs.GDAL(t)
	dir := t.TempDir()
	count := 0

	for kind, spec := range map[string]rastersample.Spec{
		"utm":     {Bands: 3, Tile: 256},
		"degrees": {EPSG: 4326, Bands: 4, Alpha: true, Holes: true},
		"rotated": {Matrix: true, Bands: 3},
	} {
		spec.Width, spec.Height, spec.Seed = 350, 300, 11
		s := newSample(t, spec)
		p := s.plan(t, xyz.Options{MinZoom: 9, MaxZoom: xyz.Auto})

		if err := os.WriteFile(filepath.Join(dir, kind+".tif"), s.data, 0o600); err != nil {
			t.Fatal(err)
		}

		for tile, picture := range s.render(t, p) {
			name := fmt.Sprintf("%s.%d.%d.%d.png", kind, tile.Zoom, tile.X, tile.Y)
			count++

			if err := os.WriteFile(filepath.Join(dir, name), picture, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}

	needs.Judge(t, python, dir, count)
}
