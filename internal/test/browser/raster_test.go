package browser

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/handlers"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/test/blobfake"
)

// storeSample puts a raster into the account when it is looked for first. It is
// for the handler, whose account is in its memory.
func storeSample(account *blobfake.Account) {
	var once sync.Once

	account.Before = func(ctx context.Context, r blobfake.Request) (err error) {
		if r.Op != blobfake.Stat || r.Container != "imagery" {
			return nil
		}

		once.Do(func() {
			var data []byte

			data, err = rastersample.Bytes(rastersample.Spec{
				Width: 768, Height: 512, Type: tiff.Int16, Seed: 5, Tile: 256, Compression: tiff.AdobeDeflate,
			})
			if err == nil {
				_, err = account.Put(ctx, "imagery", "2026/north.tif", data, handlers.WriteOptions{})
			}
		})

		return err
	}
}

// rasterPictures looks at the result of process_raster: the preview, the web
// tiles, the statistics and the report.
func rasterPictures(t *testing.T, w *world) {
	id := w.convert(t)
	b := w.open(t)
	b.visit("/jobs/" + id)
	b.shows("#head .badge", "completed")

	b.shows("#live-state", "Final")

	for _, look := range []string{"light", "dark", "phone"} {
		b.look(look)
		b.eval("document.querySelector('#shown').scrollIntoView()", nil) // pictures load when they become visible
		b.until("document.querySelector('#shown img')?.naturalWidth === 512")
		b.shows("#shown", "Tilejson")
		b.shows("#shown", "Stddev")

		if look != "phone" {
			b.picture("raster-" + look)
		}

		var over int
		if b.eval("document.documentElement.scrollWidth - innerWidth", &over); over > 0 {
			t.Errorf("%s: the page is %d pixels wider than its window", look, over)
		}

		for _, found := range b.axe() {
			t.Errorf("%s: %s", look, found)
		}
	}
}

// convert submits a job of process_raster. It repeats a submit that was answered
// with 503, as clients do: the first look at storage makes the sample, which can
// take longer than the preflight waits on a loaded machine.
func (w *world) convert(t testing.TB) (id string) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	for {
		status, text := w.submitRaster(ctx, t)
		if status == http.StatusServiceUnavailable {
			continue
		}

		var job struct {
			JobID string `json:"job_id"`
		}
		if err := json.Unmarshal(text, &job); err != nil || job.JobID == "" {
			t.Fatalf("%d, %v: %s", status, err, text)
		}

		return job.JobID
	}
}

func (w *world) submitRaster(ctx context.Context, t testing.TB) (status int, text []byte) {
	t.Helper()

	req, err := http.NewRequestWithContext(
		ctx, http.MethodPost, w.host.URL()+"/jobs/submit/process_raster",
		strings.NewReader(`{"source_container":"imagery","source_blob":"2026/north.tif","output_container":"cogs",`+
			`"output_blob":"2026/north.tif","preview_size":512,"tiles":"xyz"}`),
	)
	if err != nil {
		t.Fatal(err)
	}

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()

	text, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}

	return resp.StatusCode, text
}
