package geo_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/dev/rastersample"
)

// TestItemsOfBands reads what GDAL's metadata say about bands. GDAL escapes
// texts twice.
func TestItemsOfBands(t *testing.T) {
	t.Parallel()

	r := describe(t, rastersample.Spec{Bands: 2, Metadata: `<GDALMetadata>
  <Item name="DESCRIPTION" sample="1" role="description">ISBL=&amp;quot;Isobaric &amp;amp;amp; more&amp;quot;</Item>
  <Item name="SCALE" sample="0" role="scale">0.5</Item>
  <Item name="OFFSET" sample="1" role="offset">-273.15</Item>
  <Item name="COLORINTERP" sample="0" role="colorinterp">Palette</Item>
</GDALMetadata>`})

	for _, c := range []struct{ got, want any }{
		{r.Descriptions, []string{"", `ISBL="Isobaric &amp; more"`}},
		{r.Scales, []float64{0.5, 1}},
		{r.Offsets, []float64{0, -273.15}},
		{r.ColorInterp, []string{"palette", "undefined"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Error(diff)
		}
	}
}
