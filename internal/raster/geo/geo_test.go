package geo_test

import (
	"bytes"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/geo"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/test/needs"
)

func describe(t *testing.T, spec rastersample.Spec) *geo.Report {
	t.Helper()

	spec.Width, spec.Height = 120, 90

	return reportOn(t, spec)
}

func reportOn(t *testing.T, spec rastersample.Spec) *geo.Report {
	t.Helper()

	src, err := rastersample.Source(spec)
	if err != nil {
		t.Fatal(err)
	}

	f, err := tiff.Open(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}

	r, err := geo.Describe(t.Context(), f, geo.ValidateOptions{})
	if err != nil {
		t.Fatal(err)
	}

	return r
}

func TestPositionIsRequired(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		spec rastersample.Spec
		want tiff.Code
	}{
		"complete":    {rastersample.Spec{}, ""},
		"degrees":     {rastersample.Spec{EPSG: 4326, Points: true}, ""},
		"matrix":      {rastersample.Spec{Matrix: true}, ""},
		"no position": {rastersample.Spec{NoPosition: true}, tiff.CodeNotGeoreferenced},
		"gcps":        {rastersample.Spec{GCPs: true}, tiff.CodeGCPsOnly},
		"no crs":      {rastersample.Spec{EPSG: -1}, tiff.CodeNoCRS},
		"named only":  {rastersample.Spec{Local: "Site grid"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := describe(t, c.spec).CheckPosition(geo.Allow{})
			if got := tiff.CodeOf(err); got != c.want || err != nil && c.want == "" {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

func TestBoundsOutsideTheWorld(t *testing.T) {
	t.Parallel()

	r := describe(t, rastersample.Spec{EPSG: 4326})

	for north, want := range map[float64]string{89: "", 90.0005: "warning", 91: "error"} {
		r.Bounds.North = north

		warnings, err := r.CheckPosition(geo.Allow{})

		got := ""
		if len(warnings) > 0 {
			got = "warning"
		}

		if tiff.CodeOf(err) == tiff.CodeOutsideWorld {
			got = "error"
		}

		if got != want {
			t.Errorf("north %g: got %q (%v), want %q", north, got, err, want)
		}
	}
}

func TestProjectionsAreInverted(t *testing.T) {
	t.Parallel()

	for _, code := range []int{4326, 3857, 32633, 32725, 32601, 32760, 25833} {
		p := geo.ForEPSG(code)
		middle := float64(code%100*6 - 183)

		if code == 4326 || code == 3857 {
			middle = 0
		}

		for lat := -84.0; lat <= 84; lat += 12 {
			for lon := middle - 5; lon <= middle+5; lon += 2.5 {
				gotLon, gotLat := p.Inverse(p.Forward(lon, lat))
				if d := math.Abs(math.Remainder(gotLon-lon, 360)); d > 1e-11 || math.Abs(gotLat-lat) > 1e-11 {
					t.Fatalf("EPSG:%d: %g, %g becomes %g, %g", code, lon, lat, gotLon, gotLat)
				}
			}
		}
	}

	if geo.ForEPSG(2154) != nil || geo.ForEPSG(32600) != nil || geo.ForEPSG(32661) != nil {
		t.Error("codes without a projection have one")
	}
}

// TestProjectionsMatchGDAL compares positions with those of gdaltransform.
func TestProjectionsMatchGDAL(t *testing.T) {
	t.Parallel()

	_, err := exec.LookPath("gdaltransform")
	needs.Program(t, "gdaltransform", err)

	const points = "12.1 0.1\n15 45\n17.9 71\n15.3 83.9\n9.1 -33.5\n"

	for _, code := range []string{"32633", "25833", "3857", "32733"} {
		run := exec.CommandContext(t.Context(), "gdaltransform",
			"-s_srs", "OGC:CRS84", "-t_srs", "EPSG:"+code, "-output_xy")
		run.Stdin = strings.NewReader(points)

		out, err := run.Output()
		if err != nil {
			t.Fatal(err)
		}

		epsg, in := number(t, code), strings.Fields(points)

		for i, want := range strings.Fields(string(out)) {
			j := i / 2 * 2
			x, y := geo.ForEPSG(int(epsg)).Forward(number(t, in[j]), number(t, in[j+1]))

			got := []float64{x, y}[i%2]
			if math.Abs(got-number(t, want)) > 1e-4 {
				t.Errorf("EPSG:%s of %s, %s: got %f, want %s", code, in[j], in[j+1], got, want)
			}
		}
	}
}

// FuzzDescribe reports damaged files without a panic.
func FuzzDescribe(f *testing.F) {
	for _, spec := range []rastersample.Spec{
		{},
		{EPSG: 4326, Points: true},
		{Matrix: true},
		{GCPs: true},
		{Metadata: `<GDALMetadata><Item name="a" sample="0" role="scale">2</Item></GDALMetadata>`},
	} {
		spec.Width, spec.Height = 32, 32

		data, err := rastersample.Bytes(spec)
		if err != nil {
			f.Fatal(err)
		}

		f.Add(data)
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := tiff.Open(t.Context(), tiff.FromReaderAt(bytes.NewReader(data), int64(len(data))))
		if err != nil || file.Images[0].BlockCount() > 1<<16 {
			return
		}

		if r, err := geo.Describe(t.Context(), file, geo.ValidateOptions{Leaders: 16}); err == nil {
			r.CheckPosition(geo.Allow{NoCRS: true}) //nolint:errcheck // only panics matter
		}
	})
}

func number(t *testing.T, text string) float64 {
	t.Helper()

	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}

	return v
}
