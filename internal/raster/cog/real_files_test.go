package cog_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coremachine/internal/dev/rasterfiles"
	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/geo"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/test/needs"
	"coremachine/internal/test/repotest"
)

var folder = flag.String("raster.files", "", "also judge the GeoTIFF files in this folder")

// outsideWorld is the warning for grids whose points are on the poles.
const outsideWorld = "The bounds are outside the world by 1.25, at most one pixel: " +
	"west -1.25, south -91.25, east 358.75, north 91.25"

// realWarnings are what the reports on real files warn of.
var realWarnings = map[string]string{
	"u_wind_noaa.tif": outsideWorld, "v_wind_noaa.tif": outsideWorld, "wind_noaa.tif": outsideWorld,
}

// TestRealFiles makes COGs of files that other programs wrote, and reports on
// them. GDAL judges both as in TestGDALAcceptsTheOutput.
func TestRealFiles(t *testing.T) {
	t.Parallel()

	for _, s := range rasterfiles.Sources {
		t.Run(s.Package, func(t *testing.T) {
			t.Parallel()

			interpreter, dir := needs.GDAL(t), t.TempDir()

			for _, path := range realFiles(t, s) {
				if warnings := judgedFile(t, dir, path); warnings != realWarnings[filepath.Base(path)] {
					t.Errorf("%s: warnings %q, want %q", path, warnings, realWarnings[filepath.Base(path)])
				}
			}

			judge(t, interpreter, dir)
		})
	}

	if *folder != "" {
		t.Run("folder", func(t *testing.T) {
			t.Parallel()

			files, err := filepath.Glob(filepath.Join(*folder, "*.tif*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("%d files, %v", len(files), err)
			}

			interpreter, dir := needs.GDAL(t), t.TempDir()

			for _, path := range files {
				if warnings := judgedFile(t, dir, path); warnings != "" {
					t.Log(path, warnings)
				}
			}

			judge(t, interpreter, dir)
		})
	}
}

// realFiles returns the paths of the files of a source. Without an install, the
// test is skipped.
func realFiles(t *testing.T, s rasterfiles.Source) []string {
	t.Helper()

	root, err := repotest.Root()
	if err != nil {
		t.Fatal(err)
	}

	files, err := s.Files(filepath.Join(root, ".local", "rasters"))
	needs.Installed(t, "The file set "+s.Package, err, rasterfiles.ErrNotInstalled)

	return files
}

// realFile returns the path of a file of any source.
func realFile(t *testing.T, name string) string {
	t.Helper()

	for _, s := range rasterfiles.Sources {
		if _, has := s.Sums[name]; !has {
			continue
		}

		for _, path := range realFiles(t, s) {
			if filepath.Base(path) == name {
				return path
			}
		}
	}

	t.Fatalf("no source has a file %s", name)

	return ""
}

// judgedFile writes a file, its report and its output to a folder. It returns
// the warnings of the report. A file that is refused is an error, except one of
// the folder that the caller named.
func judgedFile(t *testing.T, dir, path string) (warnings string) {
	t.Helper()

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	file := reopen(t, data)

	report, err := geo.Describe(t.Context(), file, geo.ValidateOptions{Leaders: 64})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}

	all, err := report.CheckPosition(geo.Allow{})
	if err == nil {
		_, err = file.Main()
	}

	if err != nil && *folder != "" {
		t.Logf("%s is refused: %s: %v", path, tiff.CodeOf(err), err)
		return ""
	}

	if err != nil {
		t.Errorf("%s is refused: %s: %v", path, tiff.CodeOf(err), err)
		return ""
	}

	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}

	const large = 8 << 20 // bytes that the race detector would compress for minutes

	options := cog.Options{BlockSize: 128, TaskLevels: 1, Statistics: true}
	if report.RawBytes > large {
		options = cog.Options{BlockSize: 512, TaskLevels: 2, Compression: cog.None, Statistics: true}
	}

	out, _, _ := build(t, file.Images[0], options)

	stem := filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	for end, content := range map[string][]byte{".src.tif": data, ".src.tif.json": text, ".cog.tif": out} {
		if err := os.WriteFile(stem+end, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	return strings.Join(all, "; ")
}

// TestRealFilesAreRefused submits options that do not fit what is in a file.
func TestRealFilesAreRefused(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		file    string
		options cog.Options
		want    string // "" if the options fit
	}{
		{
			"L7_ETMs.tif",
			cog.Options{Compression: cog.JPEG},
			"invalid_option: jpeg needs 1 or 3 bands of uint8, the source has 6 of uint8; use deflate",
		},
		{
			"lc.tif",
			cog.Options{Compression: cog.JPEG},
			"invalid_option: jpeg would change the numbers of a palette; use deflate",
		},
		{
			"lc.tif",
			cog.Options{Resampling: cog.Average},
			"invalid_option: Numbers of a palette have no average; use nearest",
		},
		{"logo.tif", cog.Options{Compression: cog.JPEG}, ""}, // nodata is -1, which no byte is
		{
			"elev.tif",
			cog.Options{NoData: "-32768.5"},
			`invalid_option: nodata "-32768.5" cannot be represented in bands of int16`,
		},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()

			data, err := os.ReadFile(realFile(t, c.file))
			if err != nil {
				t.Fatal(err)
			}

			got := ""
			if _, err = cog.NewPlan(reopen(t, data).Images[0], c.options); err != nil {
				got = string(tiff.CodeOf(err)) + ": " + err.Error()
			}

			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
