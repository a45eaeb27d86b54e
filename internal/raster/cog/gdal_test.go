package cog_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/test/needs"
)

// python returns the interpreter that has GDAL: that of the distribution, if
// there is one.
func python(t *testing.T) string {
	t.Helper()

	const distribution = "/usr/bin/python3"

	path, err := exec.LookPath(distribution)
	if err != nil {
		path, err = exec.LookPath("python3")
	}

	if err == nil {
		err = exec.CommandContext(t.Context(), path, "-c", "import numpy, osgeo.gdal, osgeo_utils").Run()
	}

	needs.Program(t, "GDAL for Python", err)

	return path
}

// TestGDALAcceptsTheOutput has GDAL judge a COG of each kind of file: its
// validator finds neither errors nor warnings, and pixels, position, colours,
// statistics and overviews are those that GDAL computes from the source.
func TestGDALAcceptsTheOutput(t *testing.T) {
	t.Parallel()

	interpreter := python(t)
	dir := t.TempDir()

	for name, spec := range rastersample.Kinds() {
		// The version of GDAL that Debian has knows no int8.
		if spec.Type != tiff.Int8 {
			judged(t, dir, name, spec, cog.Options{Statistics: true, Sparse: spec.Sparse})
		}
	}

	even := rastersample.Spec{Width: 1024, Height: 768, Tile: 256, Seed: 40}
	rgb, u16, f32, i16, rgba := even, even, even, even, even
	rgb.Bands = 3
	u16.Type, u16.NoData, u16.Holes = tiff.Uint16, "0", true
	f32.Type, f32.NoData, f32.Holes = tiff.Float32, "-9999", true
	i16.Type, i16.NoData, i16.Holes = tiff.Int16, "-400", true
	rgba.Bands, rgba.Alpha, rgba.Holes = 4, true, true

	judged(t, dir, "even rgb", rgb, cog.Options{Statistics: true})
	judged(t, dir, "even rgb zstd 256", rgb, cog.Options{Statistics: true, Compression: cog.Zstd, BlockSize: 256})
	judged(t, dir, "even u16", u16, cog.Options{Statistics: true, Compression: cog.None, BlockSize: 128, TaskLevels: 1})
	judged(t, dir, "even f32", f32, cog.Options{Statistics: true, Predictor: cog.None, BlockSize: 128, TaskLevels: 1})
	judged(t, dir, "even i16", i16, cog.Options{Statistics: true, BlockSize: 128, TaskLevels: 1})
	judged(t, dir, "even rgba", rgba, cog.Options{Statistics: true, BlockSize: 128})
	judged(t, dir, "lossy jpeg", rgb, cog.Options{Compression: cog.JPEG})

	for name, spec := range map[string]rastersample.Spec{
		"degrees": {EPSG: 4326}, "points": {EPSG: 4326, Points: true}, "matrix": {Matrix: true}, "white": {White: true},
	} {
		spec.Width, spec.Height, spec.Seed = 700, 600, 50
		judged(t, dir, name, spec, cog.Options{Statistics: true})
	}

	out, err := exec.CommandContext(t.Context(), interpreter, "testdata/judge.py", dir).CombinedOutput()

	findings, judgedAll := strings.CutSuffix(strings.TrimSpace(string(out)), fmt.Sprintf("judged %d", count(t, dir)))
	if err != nil || !judgedAll || findings != "" {
		t.Errorf("%v\n%s", err, out)
	}
}

// judged writes a source and its output to a folder.
func judged(t *testing.T, dir, name string, spec rastersample.Spec, options cog.Options) {
	t.Helper()

	name = filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))

	data, err := rastersample.Bytes(spec)
	if err != nil {
		t.Fatal(err)
	}

	file, _, _ := build(t, source(t, spec), options)

	for suffix, content := range map[string][]byte{".src.tif": data, ".cog.tif": file} {
		if err := os.WriteFile(name+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func count(t *testing.T, dir string) int {
	t.Helper()

	files, err := filepath.Glob(filepath.Join(dir, "*.cog.tif"))
	if err != nil {
		t.Fatal(err)
	}

	return len(files)
}
