package geo_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/test/needs"
)

// TestReportsMatchGDAL compares the report on each kind of file, and on each way
// to say where a raster is and what its bands mean, with what GDAL reads.
func TestReportsMatchGDAL(t *testing.T) {
	t.Parallel()

	interpreter := needs.GDAL(t)
	dir := t.TempDir()
	specs := rastersample.Kinds()

	for name, spec := range map[string]rastersample.Spec{
		"degrees": {EPSG: 4326}, "points": {EPSG: 4326, Points: true}, "mercator": {EPSG: 3857},
		"southern utm": {EPSG: 32733}, "etrs": {EPSG: 25833}, "lambert": {EPSG: 2154},
		"matrix": {Matrix: true}, "no position": {NoPosition: true}, "gcps": {GCPs: true}, "no crs": {EPSG: -1},
		"local system": {Local: "Site grid"},
		"texts": {Bands: 2, Metadata: `<GDALMetadata><Item name="DESCRIPTION" sample="1" role="description">` +
			`85000[Pa] ISBL=&amp;quot;Isobaric &amp;amp; more&amp;quot; &amp;lt;1</Item></GDALMetadata>`},
		"scales": {Bands: 2, Metadata: `<GDALMetadata><Item name="SCALE" sample="0" role="scale">0.0001</Item>` +
			`<Item name="OFFSET" sample="1" role="offset">-273.15</Item></GDALMetadata>`},
		"colours": {Bands: 2, Metadata: `<GDALMetadata><Item name="COLORINTERP" sample="0" role="colorinterp">` +
			`Palette</Item></GDALMetadata>`},
		"nodata of no byte": {NoData: "-1"},
	} {
		spec.Width, spec.Height, spec.Seed = 150, 120, 70
		specs[name] = spec
	}

	judged := 0

	for name, spec := range specs {
		// The version of GDAL that Debian has knows no int8.
		if spec.Type == tiff.Int8 {
			continue
		}

		data, err := rastersample.Bytes(spec)
		if err != nil {
			t.Fatal(err)
		}

		report, err := json.Marshal(reportOn(t, spec))
		if err != nil {
			t.Fatal(err)
		}

		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".tif")
		for end, content := range map[string][]byte{"": data, ".json": report} {
			if err := os.WriteFile(path+end, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}

		judged++
	}

	needs.Judge(t, interpreter, dir, judged)
}
