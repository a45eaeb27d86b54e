package tiff_test

import (
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/tiff"
)

func TestNoDataTextIsReadAsGDALDoes(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"-9999": "-9999", " 0 ": "0", "nan": "nan", "-inf": "-inf", "": "", "none": "none",
		"-3.4028234663852886e+038":  "-3.4028234663852886e+038",
		"-9,9692099999999994e+036":  "-9.9692099999999994e+036",
		",5":                        ".5",
		"255 255 255":               "255",
		"-32768.5 none":             "-32768.5",
		"-1.#QNAN0":                 "nan",
		"-1.#IND":                   "nan",
		"1.#INF":                    "inf",
		"-1.#inf00":                 "-inf",
		"1.5.5":                     "1.5.5",
		"9223372036854775807":       "9223372036854775807",
		"-1.7976931348623157e+308 ": "-1.7976931348623157e+308",
	} {
		if got := tiff.NoDataText(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestNoDataOfEveryKindIsDeclared(t *testing.T) {
	t.Parallel()

	for name, spec := range rastersample.Kinds() {
		spec.Width, spec.Height = 64, 64

		src, err := rastersample.Source(spec)
		if err != nil {
			t.Fatal(err)
		}

		f, err := tiff.Open(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}

		if _, declared := f.Images[0].NoDataBits(); declared != (spec.NoData != "") {
			t.Errorf("%s: nodata is declared: %t; the text is %q", name, declared, spec.NoData)
		}
	}
}
