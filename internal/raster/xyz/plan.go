package xyz

import (
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"

	"coremachine/internal/raster/geo"
	"coremachine/internal/raster/tiff"
)

// Limits of web tiles.
const (
	TileSize  = 256 // pixels
	HighZoom  = 24
	MaxTiles  = 1_000_000 // of a plan
	BlockSize = 8         // tiles of a block in each direction

	// edge is the latitude at which the square of all web tiles ends.
	edge = 85.0511287798066
)

// Values of Options.
const (
	Auto     = -1 // as zoom: from the resolution of the raster
	Nearest  = "nearest"
	Bilinear = "bilinear"

	StretchAuto = "auto" // see preview.Painter.Auto
	StretchNone = "none" // values are those of the picture
)

// Options says which tiles are wanted.
type Options struct {
	MinZoom    int
	MaxZoom    int
	Resampling string // "" is Nearest
	Stretch    string // "" is StretchAuto; or the lowest and the highest value, as in "0,3000"
}

// Plan selects the web tiles of a raster.
type Plan struct {
	MinZoom int `json:"min_zoom"`
	MaxZoom int `json:"max_zoom"`
	// Native is the zoom, with a fraction, at which pixels of tiles are as
	// large as those of the raster.
	Native    float64       `json:"native"`
	EPSG      int           `json:"epsg"`
	Transform geo.Transform `json:"transform"`
	Bounds    geo.Bounds    `json:"bounds"` // in degrees, inside the square of web tiles
	// From is the longitude at which the raster begins, if it reaches beyond
	// 180 degrees.
	From     *float64 `json:"from,omitempty"`
	Bilinear bool     `json:"bilinear,omitempty"`
	Stretch  string   `json:"stretch"`
	Tiles    int64    `json:"tiles"` // including those without data
}

// NewPlan returns the plan for a raster. Statistics says whether those of the
// bands will be known. The errors have the codes CodeNotProjectable, CodeInvalid
// and CodeTooLarge.
func NewPlan(r *geo.Report, im *tiff.Image, statistics bool, o Options) (*Plan, error) {
	native := r.NativeZoom()
	if r.LonLatBounds == nil || math.IsNaN(native) || math.IsInf(native, 0) {
		return nil, tiff.Errorf(tiff.CodeNotProjectable,
			"%s cannot be projected to Web Mercator here; submit with tiles=none", name(r.CRS.EPSG))
	}

	p := &Plan{
		MinZoom: o.MinZoom, MaxZoom: o.MaxZoom, Native: native, EPSG: r.CRS.EPSG, Transform: *r.Transform,
		Bounds: *r.LonLatBounds, Bilinear: o.Resampling == Bilinear, Stretch: o.Stretch,
	}

	if p.Stretch == "" {
		p.Stretch = StretchAuto
	}

	if err := p.checkColours(im, statistics); err != nil {
		return nil, err
	}

	if err := p.clip(); err != nil {
		return nil, err
	}

	return p, p.chooseZooms(r)
}

func name(epsg int) string {
	if epsg == 0 {
		return "A reference system without an EPSG code"
	}

	return geo.Name(epsg)
}

func (p *Plan) checkColours(im *tiff.Image, statistics bool) error {
	if _, _, err := p.limits(); err != nil {
		return err
	}

	palette := im.Photometric == tiff.Palette

	switch {
	case p.Bilinear && palette:
		return tiff.Errorf(tiff.CodeInvalid, "Numbers of a palette have no means; use tile_resampling=nearest")
	case p.Stretch == StretchAuto && !statistics && im.Type != tiff.Uint8 && !palette:
		return tiff.Errorf(tiff.CodeInvalid, "stretch=auto needs the statistics of bands of %s; "+
			"submit with statistics=true, or with a stretch such as 0,3000", im.Type)
	default:
		return nil
	}
}

// limits returns the values of a stretch that has some.
func (p *Plan) limits() (low, high float64, err error) {
	switch p.Stretch {
	case StretchAuto:
		return 0, 0, nil
	case StretchNone:
		return 0, 255, nil
	}

	first, second, _ := strings.Cut(p.Stretch, ",")
	low, notLow := strconv.ParseFloat(first, 64)
	high, notHigh := strconv.ParseFloat(second, 64)

	if notLow != nil || notHigh != nil || !(low < high) || math.IsInf(high-low, 0) {
		return 0, 0, tiff.Errorf(tiff.CodeInvalid,
			"stretch is %q, want auto, none, or a lower and a higher value such as 0,3000", p.Stretch)
	}

	return low, high, nil
}

// clip limits the bounds to the square of web tiles.
func (p *Plan) clip() error {
	b := &p.Bounds

	if b.East > 180 {
		from := b.West
		p.From, b.West, b.East = &from, -180, 180
	}

	b.West, b.East = max(b.West, -180), min(b.East, 180)
	b.South, b.North = max(b.South, -edge), min(b.North, edge)

	if b.West >= b.East || b.South >= b.North {
		return tiff.Errorf(tiff.CodeNotProjectable,
			"The raster lies beyond %.2f degrees of latitude, where web tiles end; submit with tiles=none", edge)
	}

	return nil
}

func (p *Plan) chooseZooms(r *geo.Report) error {
	if p.MaxZoom == Auto {
		p.MaxZoom = max(r.MaxZoom, p.MinZoom)
	}

	if p.MinZoom == Auto {
		p.MinZoom = min(r.MinZoom, p.MaxZoom)
	}

	if p.MinZoom < 0 || p.MaxZoom > HighZoom || p.MinZoom > p.MaxZoom {
		return tiff.Errorf(tiff.CodeInvalid, "min_zoom is %d and max_zoom is %d, want 0 <= min_zoom <= max_zoom <= %d",
			p.MinZoom, p.MaxZoom, HighZoom)
	}

	for z := p.MinZoom; z <= p.MaxZoom; z++ {
		area := p.Area(z)
		p.Tiles += int64(area.X1-area.X0) * int64(area.Y1-area.Y0)

		if p.Tiles > MaxTiles {
			return tiff.Errorf(tiff.CodeTooLarge, "More than %d web tiles needed up to zoom %d; use a lower max_zoom",
				MaxTiles, z)
		}
	}

	return nil
}

// Area is a range of columns and rows of tiles. Its ends are not part of it.
type Area struct{ X0, Y0, X1, Y1 int }

// Area returns the tiles of a zoom that may have pixels of the raster.
func (p *Plan) Area(z int) Area {
	count := math.Exp2(float64(z))
	pixel := math.Exp2(-p.Native) / TileSize // of the raster, as a part of the world

	column := func(lon float64) float64 { return (lon + 180) / 360 }
	row := func(lat float64) float64 {
		return 0.5 - math.Asinh(math.Tan(lat*math.Pi/180))/(2*math.Pi)
	}
	first := func(at float64) int { return int(min(max(math.Floor((at-pixel)*count), 0), count-1)) }
	end := func(at float64) int { return int(min(max(math.Ceil((at+pixel)*count), 1), count)) }

	a := Area{
		X0: first(column(p.Bounds.West)), X1: end(column(p.Bounds.East)),
		Y0: first(row(p.Bounds.North)), Y1: end(row(p.Bounds.South)),
	}

	// A raster between two tiles can be too small for its pixel to be seen in a
	// coordinate. It lies in the later one.
	a.X1, a.Y1 = max(a.X1, a.X0+1), max(a.Y1, a.Y0+1)

	return a
}

// Block is the part of a square of 8 x 8 tiles that a task renders. X and Y are
// those of the square's first tile.
type Block struct {
	Zoom int `json:"zoom"`
	X    int `json:"x"`
	Y    int `json:"y"`
}

// Blocks returns the blocks of all zooms, in order.
func (p *Plan) Blocks() iter.Seq[Block] {
	return func(yield func(Block) bool) {
		for z := p.MinZoom; z <= p.MaxZoom; z++ {
			area := p.Area(z)

			for y := area.Y0 / BlockSize * BlockSize; y < area.Y1; y += BlockSize {
				for x := area.X0 / BlockSize * BlockSize; x < area.X1; x += BlockSize {
					if !yield(Block{z, x, y}) {
						return
					}
				}
			}
		}
	}
}

// area returns the tiles of a block.
func (p *Plan) area(b Block) Area {
	all := p.Area(b.Zoom)

	return Area{
		X0: max(b.X, all.X0), X1: min(b.X+BlockSize, all.X1),
		Y0: max(b.Y, all.Y0), Y1: min(b.Y+BlockSize, all.Y1),
	}
}

// Tile is the place of a tile.
type Tile struct{ Zoom, X, Y int }

// Name returns the name of the picture of a tile below the folder of all tiles.
func (t Tile) Name() string { return fmt.Sprintf("%d/%d/%d.png", t.Zoom, t.X, t.Y) }

// Template is the pattern of Tile.Name, as map clients expect it.
const Template = "{z}/{x}/{y}.png"
