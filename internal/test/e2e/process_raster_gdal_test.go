package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/handlers"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/state"
	"coremachine/internal/test/blobtest"
	"coremachine/internal/test/needs"
)

// TestGDALAcceptsTheOutputOfTheJob runs the job on Azurite. GDAL reads sources
// and outputs from there: its validator finds neither errors nor warnings, and
// pixels, overviews and statistics are those that GDAL computes from the source.
func TestGDALAcceptsTheOutputOfTheJob(t *testing.T) {
	t.Parallel()

	python := needs.GDAL(t)
	connection := blobtest.Azurite(t).Connection()

	if _, err := blobtest.Client(t, connection).CreateContainer(t.Context(), "judged", nil); err != nil {
		t.Fatal(err)
	}

	store := openStore(t, connection)
	engine := rasterEngine(t, store, 2)

	var running []state.JobID

	for name, c := range map[string]struct {
		spec    rastersample.Spec
		options string
	}{
		"even-rgb":   {rastersample.Spec{Bands: 3, Tile: 256, Compression: tiff.LZW}, ""},
		"even-u16":   {rastersample.Spec{Type: tiff.Uint16, NoData: "0", Holes: true}, `,"profile":"archive"`},
		"even-f32":   {rastersample.Spec{Type: tiff.Float32, NoData: "-9999", Holes: true}, `,"profile":"raw"`},
		"lossy-jpeg": {rastersample.Spec{Bands: 3, Tile: 64}, `,"profile":"visualization"`},
	} {
		c.spec.Width, c.spec.Height, c.spec.Seed = 768, 512, 60

		data, err := rastersample.Bytes(c.spec)
		if err == nil {
			_, err = store.Put(t.Context(), "judged", name+".src.tif", data, handlers.WriteOptions{})
		}

		if err != nil {
			t.Fatal(err)
		}

		running = append(running, engine.Submit("process_raster", fmt.Sprintf(
			`{"source_container":"judged","source_blob":"%s.src.tif","output_blob":"%s.cog.tif",`+
				`"blocksize":128,"task_levels":1,"preview_size":0%s}`, name, name, c.options,
		)))
	}

	for _, id := range running {
		engine.Wait(id).MustBe(t, state.JobCompleted)
	}

	judge := exec.CommandContext(t.Context(), python, "../../raster/cog/testdata/judge.py", "/vsiaz/judged")

	judge.Env = append(os.Environ(), "AZURE_STORAGE_CONNECTION_STRING="+connection)

	out, err := judge.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprintf("judged %d", len(running)) {
		t.Errorf("%v\n%s", err, out)
	}
}
