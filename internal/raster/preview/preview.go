package preview

import (
	"context"
	"image"
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

	painter, err := NewPainter(ctx, full)
	if err != nil {
		return Info{}, err
	}

	p := &picture{im: nearest(f, full, size), painter: painter}
	p.scale(size)

	if err := p.read(ctx); err != nil {
		return Info{}, err
	}

	if !painter.Auto(stats) {
		p.stretchToExtent()
	}

	return Info{p.width, p.height}, png.Encode(w, p.render())
}

// nearest returns the smallest level that is not smaller than the picture.
func nearest(f *tiff.File, full *tiff.Image, size int) *tiff.Image {
	best := full

	for _, im := range f.Overviews() {
		fits := max(im.Width, im.Height) >= min(size, max(full.Width, full.Height))
		if fits && im.IsLevelOf(full) && im.Width < best.Width {
			best = im
		}
	}

	return best
}

// picture holds the pixels of a level, reduced to the size of the picture.
type picture struct {
	im            *tiff.Image
	painter       *Painter
	width, height int
	pixels        []byte // packed
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
	p.pixels = make([]byte, 0, p.width*p.height*p.painter.Size())

	for y := range p.height {
		if err := reader.Read(ctx, (2*y+1)*p.im.Height/(2*p.height), 1, row); err != nil {
			return err
		}

		for x := range p.width {
			at := (2*x + 1) * p.im.Width / (2 * p.width)
			p.pixels = p.painter.Pack(p.pixels, row[at*pixel:][:pixel])
		}
	}

	return nil
}

func (p *picture) render() image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, p.width, p.height))
	size := p.painter.Size()

	for i := range p.width * p.height {
		img.SetNRGBA(i%p.width, i/p.width, p.painter.Paint(p.pixels[i*size:][:size]))
	}

	return img
}
