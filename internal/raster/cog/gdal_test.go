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

// TestGDALAcceptsTheOutput has GDAL judge a COG of each kind of file: its
// validator finds neither errors nor warnings, and pixels, position, colours,
// statistics and overviews are those that GDAL computes from the source.
func TestGDALAcceptsTheOutput(t *testing.T) {
	t.Parallel()

	interpreter := needs.GDAL(t)
	dir := t.TempDir()

	for name, spec := range rastersample.Kinds() {
		// The version of GDAL that Debian has knows no int8.
		if spec.Type != tiff.Int8 {
			judged(t, dir, name, spec, cog.Options{BlockSize: 128, Statistics: true, Sparse: spec.Sparse})
		}
	}

	even := rastersample.Spec{Width: 640, Height: 512, Tile: 256, Seed: 40}
	small := rastersample.Spec{Width: 512, Height: 384, Tile: 128, Seed: 40}
	rgb, smallRGB, u16, f32, i16, rgba := even, small, small, small, small, small
	rgb.Bands, smallRGB.Bands = 3, 3
	u16.Type, u16.NoData, u16.Holes = tiff.Uint16, "0", true
	f32.Type, f32.NoData, f32.Holes = tiff.Float32, "-9999", true
	i16.Type, i16.NoData, i16.Holes = tiff.Int16, "-400", true
	rgba.Bands, rgba.Alpha, rgba.Holes = 4, true, true

	judged(t, dir, "even rgb", rgb, cog.Options{Statistics: true})
	judged(t, dir, "even rgb zstd 256", smallRGB, cog.Options{Statistics: true, Compression: cog.Zstd, BlockSize: 256})
	judged(t, dir, "even u16", u16, cog.Options{Statistics: true, Compression: cog.None, BlockSize: 128, TaskLevels: 1})
	judged(t, dir, "even f32", f32, cog.Options{Statistics: true, Predictor: cog.None, BlockSize: 128, TaskLevels: 1})
	judged(t, dir, "even i16", i16, cog.Options{Statistics: true, BlockSize: 128, TaskLevels: 1})
	judged(t, dir, "even rgba", rgba, cog.Options{Statistics: true, BlockSize: 128})
	judged(t, dir, "lossy jpeg", smallRGB, cog.Options{Compression: cog.JPEG, BlockSize: 256})

	for name, spec := range map[string]rastersample.Spec{
		"degrees": {EPSG: 4326}, "points": {EPSG: 4326, Points: true}, "matrix": {Matrix: true}, "white": {White: true},
	} {
		spec.Width, spec.Height, spec.Seed = 350, 300, 50
		judged(t, dir, name, spec, cog.Options{BlockSize: 128, Statistics: true})
	}

	for name, options := range map[string][]string{
		"jpeg-components-rgb":  {"COMPRESS=JPEG", "TILED=YES", "PHOTOMETRIC=RGB"},
		"jpeg-strips-ycbcr":    {"COMPRESS=JPEG", "PHOTOMETRIC=YCBCR"},
		"zstd-planes-bigtiff":  {"COMPRESS=ZSTD", "PREDICTOR=2", "INTERLEAVE=BAND", "BIGTIFF=YES"},
		"lzw-big-endian":       {"COMPRESS=LZW", "PREDICTOR=2", "TILED=YES", "ENDIANNESS=BIG"},
		"packbits-thin-strips": {"COMPRESS=PACKBITS", "BLOCKYSIZE=1"},
	} {
		written(t, dir, name, "even-rgb-zstd-256", options)
	}

	judge(t, interpreter, dir)
}

// judge has GDAL judge the outputs in a folder, and the reports if there are
// any.
func judge(t *testing.T, interpreter, dir string) {
	t.Helper()

	for script, files := range map[string]string{
		"testdata/judge.py": "*.cog.tif", "../geo/testdata/judge.py": "*.json",
	} {
		all, err := filepath.Glob(filepath.Join(dir, files))
		if err != nil {
			t.Fatal(err)
		}

		if len(all) == 0 {
			continue
		}

		var warnings strings.Builder // of GDAL about sources

		run := exec.CommandContext(t.Context(), interpreter, script, dir)
		run.Stderr = &warnings

		out, err := run.Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprintf("judged %d", len(all)) {
			t.Errorf("%s: %v\n%s%s", script, err, out, warnings.String())
		}
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

	file, _, _ := build(t, reopen(t, data).Images[0], options)

	for suffix, content := range map[string][]byte{".src.tif": data, ".cog.tif": file} {
		if err := os.WriteFile(name+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// written has GDAL write a source again, with options of its driver.
func written(t *testing.T, dir, name, from string, options []string) {
	t.Helper()

	path := filepath.Join(dir, name)
	args := []string{"-q"}

	for _, option := range options {
		args = append(args, "-co", option)
	}

	args = append(args, filepath.Join(dir, from+".src.tif"), path+".src.tif")

	if out, err := exec.CommandContext(t.Context(), "gdal_translate", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	data, err := os.ReadFile(path + ".src.tif")
	if err != nil {
		t.Fatal(err)
	}

	file, _, _ := build(t, reopen(t, data).Images[0], cog.Options{Statistics: true, BlockSize: 128})
	if err := os.WriteFile(path+".cog.tif", file, 0o600); err != nil {
		t.Fatal(err)
	}
}
