package preview

import (
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"

	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/tiff"
)

// MaxSize is the maximum side of a picture in pixels.
const MaxSize = 4096

// Info describes a picture.
type Info struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// PNG writes a picture of a file whose longer side has at most size pixels.
// Bytes and palettes keep their colours. Other values are stretched from the
// 2nd to the 98th percentile in stats, which may be nil: then from the lowest to
// the highest value in the picture. Pixels without data are transparent.
func PNG(ctx context.Context, w io.Writer, f *tiff.File, size int, stats []cog.BandStats) (Info, error) {
	if size < 1 || size > MaxSize {
		return Info{}, tiff.Errorf(tiff.CodeInvalid, "The size of a preview is %d, want 1 to %d", size, MaxSize)
	}

	full, err := f.Main()
	if err != nil {
		return Info{}, err
	}

	p := &picture{im: nearest(f, full, size), full: full}
	p.scale(size)

	if err := p.read(ctx); err != nil {
		return Info{}, err
	}

	img, err := p.render(ctx, stats)
	if err != nil {
		return Info{}, err
	}

	return Info{p.width, p.height}, png.Encode(w, img)
}

// nearest returns the smallest level that is not smaller than the picture.
func nearest(f *tiff.File, full *tiff.Image, size int) *tiff.Image {
	best := full

	for _, im := range f.Overviews() {
		fits := max(im.Width, im.Height) >= min(size, max(full.Width, full.Height))
		same := im.Bands == full.Bands && im.Type == full.Type && im.Readable() == nil

		if fits && same && im.Width < best.Width {
			best = im
		}
	}

	return best
}

// picture holds the pixels of a level, reduced to the size of the picture.
type picture struct {
	im, full      *tiff.Image
	width, height int
	pixels        []byte
}

// scale computes the size of the picture. It is never larger than the level.
func (p *picture) scale(size int) {
	factor := min(1, float64(size)/float64(max(p.im.Width, p.im.Height)))
	p.width = max(1, int(math.Round(float64(p.im.Width)*factor)))
	p.height = max(1, int(math.Round(float64(p.im.Height)*factor)))
}

// read takes the pixel of the level at the centre of each pixel of the picture.
func (p *picture) read(ctx context.Context) error {
	reader, err := p.im.NewReader(ctx, 0, p.im.Width)
	if err != nil {
		return err
	}
	defer reader.Close()

	pixel := p.im.PixelSize()
	row := make([]byte, p.im.Width*pixel)
	p.pixels = make([]byte, 0, p.width*p.height*pixel)

	for y := range p.height {
		if err := reader.Read(ctx, (2*y+1)*p.im.Height/(2*p.height), 1, row); err != nil {
			return err
		}

		for x := range p.width {
			at := (2*x + 1) * p.im.Width / (2 * p.width)
			p.pixels = append(p.pixels, row[at*pixel:][:pixel]...)
		}
	}

	return nil
}

func (p *picture) render(ctx context.Context, stats []cog.BandStats) (image.Image, error) {
	img := image.NewNRGBA(image.Rect(0, 0, p.width, p.height))

	palette, err := p.palette(ctx)
	if err != nil {
		return nil, err
	}

	bands, alpha := p.bands()
	stretches := make([]stretch, len(bands))

	for i, band := range bands {
		stretches[i] = p.stretch(band, stats)
	}

	bits, declared := p.full.NoDataBits()
	size, pixel := p.im.Type.Size(), p.im.PixelSize()

	for i := range p.width * p.height {
		data := p.pixels[i*pixel:][:pixel]
		c := color.NRGBA{A: 255}

		if palette != nil {
			c = palette[min(int(p.im.Type.Bits(data)), len(palette)-1)]
		} else {
			value := func(n int) byte {
				return stretches[n].apply(p.im.Type.Value(p.im.Type.Bits(data[bands[n]*size:])))
			}
			c.R, c.G, c.B = value(0), value(1%len(bands)), value(2%len(bands))
		}

		if p.empty(data, bands, bits, declared) {
			c = color.NRGBA{}
		} else if alpha >= 0 {
			c.A = p.opacity(data[alpha*size:])
		}

		img.SetNRGBA(i%p.width, i/p.width, c)
	}

	return img, nil
}

// bands returns the bands that are shown, one or three, and that of alpha or -1.
func (p *picture) bands() (shown []int, alpha int) {
	alpha = -1
	if p.full.HasAlpha() {
		alpha = p.im.Bands - 1
	}

	rgb := p.full.Photometric == tiff.RGB || p.full.Photometric == tiff.YCbCr
	if rgb && p.im.Bands >= 3 {
		return []int{0, 1, 2}, alpha
	}

	return []int{0}, alpha
}

// empty reports whether no band that is shown has data.
func (p *picture) empty(data []byte, bands []int, noData uint64, declared bool) bool {
	t := p.im.Type

	for _, band := range bands {
		bits := t.Bits(data[band*t.Size():])
		v := t.Value(bits)

		if v == v && (!declared || bits != noData && v != t.Value(noData)) {
			return false
		}
	}

	return true
}

// opacity returns the high byte of an alpha value.
func (p *picture) opacity(data []byte) byte {
	t := p.im.Type
	if t.Float() {
		return byte(255 * min(max(t.Value(t.Bits(data)), 0), 1))
	}

	return byte(t.Bits(data) >> (8 * (t.Size() - 1)))
}

// palette returns the colours of a palette, or nil.
func (p *picture) palette(ctx context.Context) ([]color.NRGBA, error) {
	if p.full.Photometric != tiff.Palette {
		return nil, nil
	}

	data, err := p.full.Raw(ctx, tiff.TagColorMap)
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
