package geo

import (
	"context"
	"encoding/xml"
	"strconv"
	"strings"

	"coremachine/internal/raster/tiff"
)

// readItems reads scales, offsets, descriptions and colours of bands from GDAL's
// metadata. Metadata that is not XML has none.
func (r *Report) readItems(ctx context.Context, im *tiff.Image) error {
	text, err := im.Text(ctx, tiff.TagGDALMetadata)
	if err != nil {
		return err
	}

	var doc struct {
		Items []struct {
			Role   string `xml:"role,attr"`
			Sample int    `xml:"sample,attr"`
			Value  string `xml:",chardata"`
		} `xml:"Item"`
	}

	if xml.Unmarshal([]byte(text), &doc) != nil {
		return nil //nolint:nilerr // readers of this tag ignore what they do not understand
	}

	for _, item := range doc.Items {
		if item.Sample < 0 || item.Sample >= im.Bands {
			continue
		}

		value := unescape(strings.TrimSpace(item.Value))
		number, err := strconv.ParseFloat(value, 64)

		switch {
		case item.Role == "description":
			set(&r.Descriptions, im.Bands, "", item.Sample, value)
		case item.Role == "colorinterp":
			r.ColorInterp[item.Sample] = strings.ToLower(value)
		case err != nil || number-number != 0:
		case item.Role == "scale":
			set(&r.Scales, im.Bands, 1, item.Sample, number)
		case item.Role == "offset":
			set(&r.Offsets, im.Bands, 0, item.Sample, number)
		}
	}

	return nil
}

// entities are those of XML. GDAL writes text with entities twice: those of the
// text are escaped again with the document.
var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'", "&amp;", "&")

func unescape(text string) string { return entities.Replace(text) }

// set stores the value of a band. Bands without one have the missing value.
func set[T any](all *[]T, bands int, missing T, band int, value T) {
	if *all == nil {
		*all = make([]T, bands)
		for i := range *all {
			(*all)[i] = missing
		}
	}

	(*all)[band] = value
}
