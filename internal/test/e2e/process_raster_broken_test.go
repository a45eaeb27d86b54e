package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/handlers"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/state"
	"coremachine/internal/test/blobfake"
	"coremachine/internal/test/enginetest"
)

// TestBrokenSourcesAreRefusedByTheJob submits each broken file. The error is the
// code and a sentence, and nothing is left.
func TestBrokenSourcesAreRefusedByTheJob(t *testing.T) {
	t.Parallel()

	broken, err := rastersample.AllBroken()
	if err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		spec rastersample.Spec
		code tiff.Code
	}{
		"no position": {rastersample.Spec{NoPosition: true}, tiff.CodeNotGeoreferenced},
		"points only": {rastersample.Spec{GCPs: true}, tiff.CodeGCPsOnly},
		"no system":   {rastersample.Spec{EPSG: -1}, tiff.CodeNoCRS},
		// It reaches 150 degrees to the south of Prague.
		"beyond a pole": {
			rastersample.Spec{EPSG: 4326, Height: 150_000, Width: 16, Strip: 1000}, tiff.CodeOutsideWorld,
		},
	} {
		if c.spec.Width == 0 {
			c.spec.Width, c.spec.Height = 64, 64
		}

		data, err := rastersample.Bytes(c.spec)
		if err != nil {
			t.Fatal(err)
		}

		broken = append(broken, rastersample.Broken{Name: name, Code: c.code, Data: data})
	}

	blobs := blobfake.New("imagery", "cogs")
	engine := rasterEngine(t, blobs, 1)
	submitted := map[string]state.JobID{}

	for i, b := range broken {
		name := fmt.Sprintf("%d.tif", i)
		if _, err := blobs.Put(t.Context(), "imagery", name, b.Data, handlers.WriteOptions{}); err != nil {
			t.Fatal(err)
		}

		submitted[b.Name] = engine.Submit("process_raster", fmt.Sprintf(
			`{"source_container":"imagery","source_blob":%q,"output_container":"cogs","output_blob":%q}`, name, name,
		))
	}

	for _, b := range broken {
		mustBeRefused(t, engine, engine.Wait(submitted[b.Name]), b)
	}

	mustBeEmpty(t, blobs)
}

func mustBeRefused(t *testing.T, engine *enginetest.Engine, job enginetest.Job, b rastersample.Broken) {
	t.Helper()

	if job.Status != state.JobFailed {
		t.Errorf("%s: the job is %s", b.Name, job.Status)
		return
	}

	text := failureOf(t, engine, job)

	code, sentence, _ := strings.Cut(text, ": ")
	if code != string(b.Code) || len(sentence) < 20 || !unicode.IsUpper(rune(sentence[0])) {
		t.Errorf("%s: got %q, want %s and a sentence", b.Name, text, b.Code)
	}
}
