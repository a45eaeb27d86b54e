package jobs

import (
	"context"
	"fmt"
	"strings"
	"testing"

	h "coremachine/internal/handlers"
	"coremachine/internal/state"
)

// raster is storage in which the source is, or an error.
type raster struct {
	h.NoBlobs

	info h.BlobInfo
	err  error
}

func (r raster) Stat(context.Context, string, string) (h.BlobInfo, error) { return r.info, r.err }

func TestProcessRaster_Preflight(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		name    string
		more    string // parameters
		storage h.Blobs
		code    state.Code // "" if the parameters are accepted
		says    string
	}{
		{"fine", "", raster{}, "", ""},
		{"web tiles", `,"tiles":"xyz","min_zoom":3,"max_zoom":3`, raster{}, "", ""},
		{
			"zooms", `,"tiles":"xyz","min_zoom":4,"max_zoom":3`,
			raster{},
			state.CodeInvalid,
			"min_zoom: 4 is above max_zoom, which is 3",
		},
		{"lowest zoom only", `,"tiles":"xyz","min_zoom":4`, raster{}, "", ""},
		{"the source", `,"output_blob":"a/b.tif"`, raster{}, state.CodeInvalid, "output_blob: is the source"},
		{"a path", `,"output_blob":"../b.tif"`, raster{}, state.CodeInvalid, "output_blob: "},
		{
			"not there", "",
			raster{err: h.ErrNoBlob},
			state.CodeInvalid,
			`source_blob: blob "a/b.tif" does not exist in container "abc"`,
		},
		{"no container", "", raster{err: h.ErrNoContainer}, state.CodeInvalid, "source_container: "},
		{"archived", "", raster{info: h.BlobInfo{Archived: true}}, state.CodeInvalid, "rehydrate it first"},
		{"closed", "", raster{err: h.ErrStorageRejected}, state.CodeInvalid, "source_container: "},
		{"busy", "", raster{err: h.ErrStorageBusy}, state.CodeUnavailable, "try again later"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			body := fmt.Appendf(nil, `{"source_container":"abc","source_blob":"a/b.tif"%s}`, c.more)

			p, err := ProcessRaster.Parse(body)
			if err != nil {
				t.Fatal(err)
			}

			err = ProcessRaster.Preflight(t.Context(), p, h.Deps{Blobs: c.storage})
			if state.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want code %q and %q", err, c.code, c.says)
			}
		})
	}
}

func TestProcessRaster_Parameters(t *testing.T) {
	t.Parallel()

	for more, ok := range map[string]bool{
		``:                               true,
		`,"tiles":"xyz"`:                 true,
		`,"tiles":"wmts"`:                false,
		`,"max_zoom":24`:                 true,
		`,"max_zoom":25`:                 false,
		`,"min_zoom":-2`:                 false,
		`,"stretch":"none"`:              true,
		`,"stretch":"0,3000"`:            true,
		`,"stretch":"-1.5e3,1"`:          true,
		`,"stretch":"3000"`:              false,
		`,"stretch":"0, 3000"`:           false,
		`,"tile_resampling":"bilinear"`:  true,
		`,"tile_resampling":"cubic"`:     false,
		`,"blocksize":300`:               false,
		`,"preview_size":0`:              true,
		`,"preview_size":5000`:           false,
		`,"output_container":"A"`:        false,
		`,"overview_resampling":"cubic"`: false,
	} {
		body := `{"source_container":"abc","source_blob":"b.tif"` + more + `}`
		if _, err := ProcessRaster.Parse([]byte(body)); (err == nil) != ok {
			t.Errorf("%s: %v, want accepted: %t", body, err, ok)
		}
	}

	for more, skipped := range map[string]bool{``: true, `,"tiles":"xyz"`: false} {
		p, err := ProcessRaster.Parse([]byte(`{"source_container":"abc","source_blob":"b.tif"` + more + `}`))
		if err != nil {
			t.Fatal(err)
		}

		for i, stage := range ProcessRaster.Stages() {
			webTiles := stage.Name == "render_xyz" || stage.Name == "write_tilejson"
			if got := ProcessRaster.Skip(p, i); got != (skipped && webTiles) {
				t.Errorf("%s: stage %s is skipped: %t", more, stage.Name, got)
			}
		}
	}
}
