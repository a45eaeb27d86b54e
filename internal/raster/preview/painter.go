package preview

import (
	"context"
	"encoding/binary"
	"image/color"
	"math"

	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/tiff"
)

// Painter maps pixels of a raster to colours. It works on packed pixels, which
// hold only the bands that are shown.
type Painter struct {
	typ     tiff.SampleType
	shown   []int // bands, one or three
	alpha   int   // band, or -1
	palette []color.NRGBA

	stretches []stretch
	noData    float64 // NaN: none
}

// NewPainter returns a Painter for an image. Values are stretched by Auto or
// Stretch.
func NewPainter(ctx context.Context, im *tiff.Image) (*Painter, error) {
	p := &Painter{typ: im.Type, alpha: -1, shown: []int{0}, noData: math.NaN()}

	if bits, declared := im.NoDataBits(); declared {
		p.noData = p.typ.Value(bits)
	}

	if im.HasAlpha() {
		p.alpha = im.Bands - 1
	}

	rgb := im.Photometric == tiff.RGB || im.Photometric == tiff.YCbCr
	if rgb && im.Bands >= 3 {
		p.shown = []int{0, 1, 2}
	}

	p.stretches = make([]stretch, len(p.shown))
	for i := range p.stretches {
		p.stretches[i] = stretch{high: 255, inverted: im.Photometric == tiff.WhiteIsZero}
	}

	if im.Photometric != tiff.Palette {
		return p, nil
	}

	var err error

	p.palette, err = readPalette(ctx, im)

	return p, err
}

func readPalette(ctx context.Context, im *tiff.Image) ([]color.NRGBA, error) {
	data, err := im.Raw(ctx, tiff.TagColorMap)
	if err != nil {
		return nil, err
	}

	n := len(data) / 6
	if n == 0 {
		return nil, tiff.Errorf(tiff.CodeCorruptHeader, "The image has numbers of colours, but no palette")
	}

	high := func(i int) byte { return byte(binary.LittleEndian.Uint16(data[i*2:]) >> 8) }

	colours := make([]color.NRGBA, n)
	for i := range colours {
		colours[i] = color.NRGBA{high(i), high(n + i), high(2*n + i), 255}
	}

	return colours, nil
}

// Size is the length of a packed pixel in bytes.
func (p *Painter) Size() int {
	bands := len(p.shown)
	if p.alpha >= 0 {
		bands++
	}

	return bands * p.typ.Size()
}

// Pack appends the bands of a pixel that are shown, and that of alpha.
func (p *Painter) Pack(dst, pixel []byte) []byte {
	size := p.typ.Size()

	for _, band := range p.shown {
		dst = append(dst, pixel[band*size:][:size]...)
	}

	if p.alpha >= 0 {
		dst = append(dst, pixel[p.alpha*size:][:size]...)
	}

	return dst
}

// Auto keeps bytes and palettes, and stretches other values from the 2nd to the
// 98th percentile. It reports whether stats has these for all bands.
func (p *Painter) Auto(stats []cog.BandStats) (complete bool) {
	if p.typ == tiff.Uint8 || p.palette != nil {
		return true
	}

	for i, band := range p.shown {
		if band >= len(stats) || stats[band].Count == 0 {
			return false
		}

		low, high := stats[band].P2, stats[band].P98
		if low == high {
			low, high = stats[band].Min, stats[band].Max
		}

		p.stretches[i].low, p.stretches[i].high = low, high
	}

	return true
}

// Stretch shows values from low to high in all bands.
func (p *Painter) Stretch(low, high float64) {
	for i := range p.stretches {
		p.stretches[i].low, p.stretches[i].high = low, high
	}
}

// Paint returns the colour of a packed pixel. A pixel without data is
// transparent.
func (p *Painter) Paint(pixel []byte) color.NRGBA {
	if p.empty(pixel) {
		return color.NRGBA{}
	}

	if p.palette != nil {
		return p.palette[min(int(p.typ.Bits(pixel)), len(p.palette)-1)]
	}

	var values [3]float64
	for i := range p.shown {
		values[i] = p.value(pixel, i)
	}

	return p.colour(values, p.opacity(pixel))
}

// Blend returns the colour of the weighted mean of packed pixels. Those without
// data do not count. A palette has no means.
func (p *Painter) Blend(pixels [4][]byte, weights [4]float64) color.NRGBA {
	var (
		values         [3]float64
		opacity, total float64
	)

	for k, pixel := range pixels {
		alpha := p.opacity(pixel)
		if weights[k] == 0 || alpha == 0 || p.empty(pixel) {
			continue
		}

		total += weights[k]
		opacity += weights[k] * float64(alpha)

		for i := range p.shown {
			values[i] += weights[k] * p.value(pixel, i)
		}
	}

	if total == 0 {
		return color.NRGBA{}
	}

	for i := range values {
		values[i] /= total
	}

	return p.colour(values, byte(opacity/total+0.5))
}

// value returns the value of the i-th band that is shown.
func (p *Painter) value(pixel []byte, i int) float64 {
	return p.typ.Value(p.typ.Bits(pixel[i*p.typ.Size():]))
}

func (p *Painter) colour(values [3]float64, opacity byte) color.NRGBA {
	n := len(p.shown)
	apply := func(i int) byte { return p.stretches[i].apply(values[i]) }

	return color.NRGBA{apply(0), apply(1 % n), apply(2 % n), opacity}
}

// empty reports whether no band that is shown has data.
func (p *Painter) empty(pixel []byte) bool {
	for i := range p.shown {
		if v := p.value(pixel, i); v == v && v != p.noData {
			return false
		}
	}

	return true
}

// opacity returns the high byte of the alpha value.
func (p *Painter) opacity(pixel []byte) byte {
	if p.alpha < 0 {
		return 255
	}

	bits := p.typ.Bits(pixel[len(p.shown)*p.typ.Size():])
	if p.typ.Float() {
		return byte(255 * min(max(p.typ.Value(bits), 0), 1))
	}

	return byte(bits >> (8 * (p.typ.Size() - 1)))
}
