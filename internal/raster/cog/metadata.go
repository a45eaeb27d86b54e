package cog

import (
	"context"
	"encoding/xml"
	"strconv"
	"strings"

	"coremachine/internal/raster/tiff"
)

// copied are the tags that describe the content, and not how it is stored. Their
// values are copied from the source.
var copied = []tiff.Tag{
	tiff.TagImageDescription, tiff.TagDateTime, tiff.TagArtist, tiff.TagXMP, tiff.TagCopyright,
	tiff.TagModelPixelScale, tiff.TagModelTiepoint, tiff.TagModelTransform, tiff.TagICCProfile,
	tiff.TagGeoKeyDirectory, tiff.TagGeoDoubleParams, tiff.TagGeoASCIIParams, tiff.TagRPCCoefficients,
}

// field is a field of a directory to write, with little-endian values.
type field struct {
	tag   tiff.Tag
	typ   tiff.FieldType
	count int64
	data  []byte
}

// metadata are fields that do not depend on the tiles.
type metadata struct {
	every []field // of all levels
	first []field // of the full resolution only
}

func readMetadata(ctx context.Context, p *Plan, im *tiff.Image, stats []BandStats) (*metadata, error) {
	m := &metadata{}

	for _, tag := range copied {
		f, err := copyField(ctx, im, tag)
		if err != nil {
			return nil, err
		}

		if f != nil {
			m.first = append(m.first, *f)
		}
	}

	colours, err := copyField(ctx, im, tiff.TagColorMap)
	if err != nil {
		return nil, err
	}

	if colours != nil && p.Palette {
		m.every = append(m.every, *colours)
	}

	text, err := im.Text(ctx, tiff.TagGDALMetadata)
	if err != nil {
		return nil, err
	}

	if text = withStatistics(text, stats); text != "" {
		m.first = append(m.first, ascii(tiff.TagGDALMetadata, text))
	}

	if p.Options.NoData != "" {
		m.every = append(m.every, ascii(tiff.TagGDALNoData, p.Options.NoData))
	}

	m.every = append(m.every, p.storage(im)...)

	return m, nil
}

func copyField(ctx context.Context, im *tiff.Image, tag tiff.Tag) (*field, error) {
	data, err := im.Raw(ctx, tag)
	if err != nil || len(data) == 0 {
		return nil, err
	}

	f := im.Field(tag)

	return &field{tag, f.Type, f.Count, data}, nil
}

func ascii(tag tiff.Tag, text string) field {
	return field{tag, tiff.TypeASCII, int64(len(text)) + 1, append([]byte(text), 0)}
}

// item is an item of GDAL's metadata.
type item struct {
	Attrs []xml.Attr `xml:",any,attr"`
	Inner string     `xml:",innerxml"`
}

// withStatistics replaces the statistics of GDAL's metadata. It returns "" if no
// item is left, and drops text that is not XML.
func withStatistics(text string, stats []BandStats) string {
	var old struct {
		Items []item `xml:"Item"`
	}

	if err := xml.Unmarshal([]byte(text), &old); err != nil {
		old.Items = nil
	}

	var b strings.Builder

	for _, i := range old.Items {
		if !i.isStatistic() {
			i.write(&b)
		}
	}

	for band, s := range stats {
		if s.Count == 0 {
			continue
		}

		for _, v := range []struct {
			name  string
			value float64
		}{{"MAXIMUM", s.Max}, {"MEAN", s.Mean}, {"MINIMUM", s.Min}, {"STDDEV", s.StdDev}} {
			b.WriteString(`  <Item name="STATISTICS_` + v.name + `" sample="` + strconv.Itoa(band) + `">` +
				strconv.FormatFloat(v.value, 'g', 14, 64) + "</Item>\n")
		}

		b.WriteString(`  <Item name="STATISTICS_VALID_PERCENT" sample="` + strconv.Itoa(band) + `">` +
			strconv.FormatFloat(s.ValidPercent, 'g', 4, 64) + "</Item>\n")
	}

	if b.Len() == 0 {
		return ""
	}

	return "<GDALMetadata>\n" + b.String() + "</GDALMetadata>\n"
}

func (i item) isStatistic() bool {
	for _, a := range i.Attrs {
		if a.Name.Local == "name" && strings.HasPrefix(a.Value, "STATISTICS_") {
			return true
		}
	}

	return false
}

func (i item) write(b *strings.Builder) {
	b.WriteString("  <Item")

	for _, a := range i.Attrs {
		b.WriteString(" " + a.Name.Local + `="`)
		xml.EscapeText(b, []byte(a.Value)) //nolint:errcheck // a Builder does not fail
		b.WriteString(`"`)
	}

	b.WriteString(">" + i.Inner + "</Item>\n")
}
