package xyz

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"math"

	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/geo"
	"coremachine/internal/raster/preview"
	"coremachine/internal/raster/tiff"
)

const (
	// together is the number of tiles that are rendered from one window, so
	// that neighbours decode a block of the raster once.
	together = 4
	// maxWindow is the maximum number of pixels of a window. Pixels of tiles are
	// up to twice as wide and high as those of the level.
	maxWindow = 3 << 19
)

// Renderer renders tiles. It is not safe for concurrent use.
type Renderer struct {
	plan    *Plan
	locator locator
	painter *preview.Painter
	levels  []*tiff.Image // each has half the size of the one before
	encoder png.Encoder
}

// NewRenderer returns a Renderer for a file that the plan was made for. Stats
// may be nil if the plan does not need them.
func NewRenderer(ctx context.Context, p *Plan, f *tiff.File, stats []cog.BandStats) (*Renderer, error) {
	full, err := f.Main()
	if err != nil {
		return nil, err
	}

	painter, err := preview.NewPainter(ctx, full)
	if err != nil {
		return nil, err
	}

	low, high, err := p.limits()
	if err != nil {
		return nil, err
	}

	if p.Stretch != StretchAuto {
		painter.Stretch(low, high)
	} else if !painter.Auto(stats) {
		// No pixel of a band has data.
		painter.Stretch(0, 1)
	}

	r := &Renderer{
		plan: p, painter: painter, levels: []*tiff.Image{full},
		locator: locator{p, geo.ForEPSG(p.EPSG)},
		encoder: png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: &buffers{}},
	}

	if r.locator.projection == nil {
		return nil, tiff.Errorf(tiff.CodeNotProjectable, "%s cannot be projected to Web Mercator here", name(p.EPSG))
	}

	for n, im := range f.Overviews() {
		factor := 2 << n
		half := im.Width == (full.Width+factor-1)/factor && im.Height == (full.Height+factor-1)/factor

		if !half || !im.IsLevelOf(full) {
			break
		}

		r.levels = append(r.levels, im)
	}

	return r, nil
}

// buffers keeps the buffer of the encoder.
type buffers struct{ b *png.EncoderBuffer }

// Get is part of png.EncoderBufferPool.
func (p *buffers) Get() *png.EncoderBuffer { return p.b }

// Put is part of png.EncoderBufferPool.
func (p *buffers) Put(b *png.EncoderBuffer) { p.b = b }

// Memory is about the number of bytes that Block allocates at most.
func (r *Renderer) Memory() int64 {
	im := r.levels[0]
	width := 2 * together * TileSize

	return im.ReaderMemory(width, 1) + int64(width)*int64(im.PixelSize()) + maxWindow*int64(r.painter.Size())
}

// Put takes the picture of a tile. If the tile has no pixel with data, there is
// no picture.
type Put func(ctx context.Context, t Tile, picture []byte) error

// Block renders the tiles of a block.
func (r *Renderer) Block(ctx context.Context, b Block, put Put) error {
	area := r.plan.area(b)

	for y := area.Y0; y < area.Y1; y++ {
		for x := area.X0; x < area.X1; {
			n := min(together, area.X1-x)
			g := r.locator.grid(b.Zoom, x, y, n)

			w, fits := r.window(b.Zoom, g)
			if !fits && n > 1 {
				n = 1
				g = r.locator.grid(b.Zoom, x, y, n)
				w, _ = r.window(b.Zoom, g)
			}

			if err := r.row(ctx, Tile{b.Zoom, x, y}, n, g, w, put); err != nil {
				return err
			}

			x += n
		}
	}

	return nil
}

// window is a part of a level, with its packed pixels.
type window struct {
	level, x, y, width, height int
	scale                      float64 // of positions, from the full resolution
	pixels                     []byte
}

// window returns the part of a level that a grid needs. The level is the
// smallest whose pixels are not larger than those of the tiles, or the next
// smaller one that fits. The result says whether the first choice did.
func (r *Renderer) window(z int, g *grid) (w window, fits bool) {
	low, high := g.extent()
	first := min(max(int(math.Floor(r.plan.Native-float64(z)+1e-9)), 0), len(r.levels)-1)

	for n := first; n < len(r.levels); n++ {
		w = r.part(n, low, high)
		if w.width*w.height <= maxWindow {
			return w, n == first
		}
	}

	return w, false
}

func (r *Renderer) part(n int, low, high [2]float64) window {
	im := r.levels[n]
	scale := math.Exp2(-float64(n))

	// The neighbours are for means.
	from := func(v float64, side int) int { return int(min(max(math.Floor(v*scale)-1, 0), float64(side))) }
	to := func(v float64, side int) int { return int(min(max(math.Floor(v*scale)+2, 0), float64(side))) }

	w := window{level: n, scale: scale, x: from(low[0], im.Width), y: from(low[1], im.Height)}
	w.width = max(0, to(high[0], im.Width)-w.x)
	w.height = max(0, to(high[1], im.Height)-w.y)

	return w
}

// row renders n tiles of a row from a window.
func (r *Renderer) row(ctx context.Context, first Tile, n int, g *grid, w window, put Put) error {
	if w.width > 0 && w.height > 0 {
		if err := r.read(ctx, &w); err != nil {
			return err
		}
	}

	for k := range n {
		tile := Tile{first.Zoom, first.X + k, first.Y}

		img, visible := r.paint(g, k*TileSize, &w)
		if !visible {
			if err := put(ctx, tile, nil); err != nil {
				return err
			}

			continue
		}

		var data bytes.Buffer
		if err := r.encoder.Encode(&data, img); err != nil {
			return err
		}

		if err := put(ctx, tile, data.Bytes()); err != nil {
			return err
		}
	}

	return nil
}

// read fills the pixels of a window.
func (r *Renderer) read(ctx context.Context, w *window) error {
	im := r.levels[w.level]

	reader, err := im.NewReader(ctx, w.x, w.width)
	if err != nil {
		return err
	}
	defer reader.Close()

	pixel := im.PixelSize()
	row := make([]byte, w.width*pixel)
	w.pixels = make([]byte, 0, w.width*w.height*r.painter.Size())

	for y := range w.height {
		if err := reader.Read(ctx, w.y+y, 1, row); err != nil {
			return err
		}

		for at := 0; at < len(row); at += pixel {
			w.pixels = r.painter.Pack(w.pixels, row[at:][:pixel])
		}
	}

	return nil
}

// paint returns the picture of the tile that begins at a pixel of the grid, and
// whether anything is visible in it.
func (r *Renderer) paint(g *grid, left int, w *window) (img *image.NRGBA, visible bool) {
	if len(w.pixels) == 0 {
		return nil, false
	}

	img = image.NewNRGBA(image.Rect(0, 0, TileSize, TileSize))
	full := r.levels[0]
	width, height := float64(full.Width), float64(full.Height)

	for j := range TileSize {
		for i := range TileSize {
			column, row := g.at(left+i, j)

			inside := column >= 0 && column < width && row >= 0 && row < height // false for NaN
			if !inside {
				continue
			}

			if c := r.colour(column, row, w); c.A > 0 {
				img.SetNRGBA(i, j, c)

				visible = true
			}
		}
	}

	return img, visible
}

func (r *Renderer) colour(column, row float64, w *window) color.NRGBA {
	column, row = column*w.scale, row*w.scale

	nearest := r.painter.Paint(r.pixel(w, int(column), int(row)))
	if !r.plan.Bilinear || nearest.A == 0 {
		return nearest
	}

	left, top := math.Floor(column-0.5), math.Floor(row-0.5)
	right, down := column-0.5-left, row-0.5-top
	x, y := int(left), int(top)

	return r.painter.Blend(
		[4][]byte{r.pixel(w, x, y), r.pixel(w, x+1, y), r.pixel(w, x, y+1), r.pixel(w, x+1, y+1)},
		[4]float64{(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down},
	)
}

// pixel returns a packed pixel of a level. Beyond the edge of the level, it is
// the last one.
func (r *Renderer) pixel(w *window, x, y int) []byte {
	x = min(max(x-w.x, 0), w.width-1)
	y = min(max(y-w.y, 0), w.height-1)
	size := r.painter.Size()

	return w.pixels[(y*w.width+x)*size:][:size]
}
