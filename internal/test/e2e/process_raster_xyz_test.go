package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/state"
	"coremachine/internal/test/blobfake"
)

// tileSource is a raster with holes, which are larger than tiles of zoom 15.
var tileSource = rastersample.Spec{
	Width: 600, Height: 500, Seed: 9, Type: tiff.Int16, NoData: "-32768", Holes: true, Tile: 256,
	Compression: tiff.AdobeDeflate,
}

func tileAccount(t *testing.T, spec rastersample.Spec) *blobfake.Account {
	t.Helper()

	data, err := rastersample.Bytes(spec)
	if err != nil {
		t.Fatal(err)
	}

	return accountWith(t, data)
}

func tileParams(more string) string {
	return rasterParams(1, `,"tiles":"xyz","max_zoom":15,"min_zoom":15`+more)
}

func TestWebTilesAndTheirDescription(t *testing.T) {
	t.Parallel()

	blobs := tileAccount(t, tileSource)
	params := rasterParams(1, `,"tiles":"xyz","max_zoom":13`)
	job := rasterEngine(t, blobs, 1).Run("process_raster", params).MustBe(t, state.JobCompleted)

	var r jobs.ProcessRasterResult
	if err := json.Unmarshal(job.Result, &r); err != nil {
		t.Fatal(err)
	}

	w := r.WebTiles
	if w == nil || w.TileJSON != "cog.tiles/tilejson.json" || w.Tiles != "cog.tiles/{z}/{x}/{y}.png" ||
		w.MinZoom != r.Report.MinZoom || w.MaxZoom != 13 || w.Stored == 0 {
		t.Fatalf("got %+v", w)
	}

	described, err := blobs.Head(t.Context(), "cogs", w.TileJSON, 10_000)
	if err != nil {
		t.Fatal(err)
	}

	var tileJSON struct {
		TileJSON         string
		Tiles            []string
		MinZoom, MaxZoom int
		Bounds           [4]float64
	}
	if err := json.Unmarshal(described, &tileJSON); err != nil {
		t.Fatal(err)
	}

	b := r.Report.LonLatBounds
	if tileJSON.TileJSON != "3.0.0" || tileJSON.Tiles[0] != "{z}/{x}/{y}.png" || tileJSON.MaxZoom != 13 ||
		tileJSON.Bounds != [4]float64{b.West, b.South, b.East, b.North} {
		t.Errorf("got %s", described)
	}

	stored, bytesOf := int64(0), int64(0)

	for name := range content(t, blobs) {
		if !strings.HasPrefix(name, "cog.tiles/") || name == w.TileJSON {
			continue
		}

		picture, err := blobs.Head(t.Context(), "cogs", name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}

		stored++
		bytesOf += int64(len(picture))

		if img, err := png.DecodeConfig(bytes.NewReader(picture)); err != nil || img.Width != 256 || img.Height != 256 {
			t.Errorf("%s: %+v, %v", name, img, err)
		}
	}

	if stored != w.Stored || bytesOf != w.Bytes {
		t.Errorf("%d tiles with %d bytes are stored, reported %+v", stored, bytesOf, w)
	}
}

// TestWebTilesAreIdenticalAfterLostAnswers renders over an output that exists,
// in two processes, and loses answers. Tiles that have become empty go.
func TestWebTilesAreIdenticalAfterLostAnswers(t *testing.T) {
	t.Parallel()

	calm := tileAccount(t, tileSource)
	rasterEngine(t, calm, 1).Run("process_raster", tileParams("")).MustBe(t, state.JobCompleted)

	full := tileSource
	full.Holes = false
	blobs := tileAccount(t, full)
	engine := rasterEngine(t, blobs, 2)
	engine.Run("process_raster", tileParams("")).MustBe(t, state.JobCompleted)

	before := content(t, blobs)

	data, err := rastersample.Bytes(tileSource)
	if err != nil {
		t.Fatal(err)
	}

	rewrite(t, blobs, data)

	var puts atomic.Int64

	blobs.After = func(_ context.Context, r blobfake.Request) error {
		if r.Op != blobfake.Put || !strings.Contains(r.Name, ".tiles/") {
			return nil
		}

		if n := puts.Add(1); n == 3 || n == 40 {
			return handlers.RetryAfter(0, handlers.ErrStorageUnreachable)
		}

		return nil
	}

	engine.Run("process_raster", tileParams(`,"overwrite":true`)).MustBe(t, state.JobCompleted)

	want := content(t, calm)
	if diff := cmp.Diff(want, content(t, blobs)); diff != "" || len(want) >= len(before) {
		t.Errorf("%d blobs before, %d want; (-want +got):\n%s", len(before), len(want), diff)
	}
}

func TestCancelledWebTilesHaveNoDescription(t *testing.T) {
	t.Parallel()

	blobs := tileAccount(t, tileSource)

	cancelAt(t, blobs, tileParams(""), func(r blobfake.Request) bool {
		return r.Op == blobfake.Put && strings.Contains(r.Name, ".tiles/15/")
	})

	for name := range content(t, blobs) {
		if strings.HasPrefix(name, "scratch/") || strings.HasSuffix(name, "tilejson.json") {
			t.Errorf("the job left %s", name)
		}
	}
}

func TestWebTilesOfUnknownProjectionAreRefused(t *testing.T) {
	t.Parallel()

	spec := tileSource
	spec.EPSG = 2154
	blobs := tileAccount(t, spec)
	engine := rasterEngine(t, blobs, 1)

	job := engine.Run("process_raster", tileParams("")).MustBe(t, state.JobFailed)

	const says = "crs_not_projectable: EPSG:2154 cannot be projected to Web Mercator here; submit with tiles=none"
	if got := failureOf(t, engine, job); got != says {
		t.Errorf("got %q, want %q", got, says)
	}

	mustBeEmpty(t, blobs)
	engine.Run("process_raster", rasterParams(1, "")).MustBe(t, state.JobCompleted)
}
