package geo

import (
	"context"
	"math"

	"coremachine/internal/raster/tiff"
)

// Report describes a file.
type Report struct {
	Size        int64           `json:"size"` // bytes
	BigTIFF     bool            `json:"big_tiff"`
	ByteOrder   string          `json:"byte_order"` // little or big
	Width       int             `json:"width"`
	Height      int             `json:"height"`
	Bands       int             `json:"bands"`
	Type        tiff.SampleType `json:"type"`
	RawBytes    int64           `json:"raw_bytes"` // without compression
	Compression string          `json:"compression"`
	Predictor   int             `json:"predictor,omitempty"`
	Interleave  string          `json:"interleave"` // pixel or band
	Photometric string          `json:"photometric"`
	ColorInterp []string        `json:"color_interp"` // of each band
	Alpha       bool            `json:"alpha"`
	NoData      string          `json:"nodata,omitempty"`
	Tiled       bool            `json:"tiled"`
	BlockWidth  int             `json:"block_width"`
	BlockHeight int             `json:"block_height"`

	// Scales, offsets and descriptions of bands, if the file has any.
	Scales       []float64 `json:"scales,omitempty"`
	Offsets      []float64 `json:"offsets,omitempty"`
	Descriptions []string  `json:"descriptions,omitempty"`

	CRS       CRS        `json:"crs"`
	GCPsOnly  bool       `json:"gcps_only,omitempty"`
	Transform *Transform `json:"transform,omitempty"` // null without a position

	Origin       *[2]float64 `json:"origin,omitempty"`
	Resolution   *[2]float64 `json:"resolution,omitempty"`    // units of the CRS per pixel
	Bounds       *Bounds     `json:"bounds,omitempty"`        // in units of the CRS
	LonLatBounds *Bounds     `json:"lonlat_bounds,omitempty"` // if the CRS has a projection here
	MinZoom      int         `json:"min_zoom,omitempty"`      // of web tiles, with LonLatBounds
	MaxZoom      int         `json:"max_zoom,omitempty"`      // of about the native resolution

	Levels     []LevelReport `json:"levels"`
	Validation Validation    `json:"validation"`
}

// LevelReport describes the full resolution or an overview.
type LevelReport struct {
	Width       int     `json:"width"`
	Height      int     `json:"height"`
	BlockWidth  int     `json:"block_width"`
	BlockHeight int     `json:"block_height"`
	Decimation  float64 `json:"decimation"`
}

// Bounds are the lowest and highest coordinates.
type Bounds struct {
	West  float64 `json:"west"`
	South float64 `json:"south"`
	East  float64 `json:"east"`
	North float64 `json:"north"`
}

// Describe returns the report of a file, with its validation. Files that cannot
// be read as one raster are described too: tiff.File.Main says whether they can.
func Describe(ctx context.Context, f *tiff.File, o ValidateOptions) (*Report, error) {
	im := f.Images[0]

	r := &Report{
		Size: f.Size, BigTIFF: f.Big, ByteOrder: "little", Width: im.Width, Height: im.Height, Bands: im.Bands,
		Type: im.Type, RawBytes: int64(im.Width) * int64(im.Height) * int64(im.PixelSize()),
		Compression: im.Compression.String(), Predictor: im.Predictor, Interleave: "pixel",
		Photometric: im.Photometric.String(), ColorInterp: colours(im), Alpha: im.HasAlpha(), NoData: im.NoData,
		Tiled: im.Tiled, BlockWidth: im.BlockWidth, BlockHeight: im.BlockHeight,
	}

	if im.Planar {
		r.Interleave = "band"
	}

	if f.Order.String() == "BigEndian" {
		r.ByteOrder = "big"
	}

	for _, level := range append([]*tiff.Image{im}, f.Overviews()...) {
		r.Levels = append(r.Levels, LevelReport{
			level.Width, level.Height, level.BlockWidth, level.BlockHeight, float64(im.Width) / float64(level.Width),
		})
	}

	if err := r.readItems(ctx, im); err != nil {
		return nil, err
	}

	if err := r.locate(ctx, im); err != nil {
		return nil, err
	}

	v, err := Validate(ctx, f, o)
	r.Validation = v

	return r, err
}

// colours returns what bands mean, in GDAL's words.
func colours(im *tiff.Image) []string {
	all := make([]string, im.Bands)
	for i := range all {
		all[i] = "undefined"
	}

	switch im.Photometric {
	case tiff.RGB, tiff.YCbCr:
		copy(all, []string{"red", "green", "blue"})
	case tiff.Palette:
		all[0] = "palette"
	case tiff.WhiteIsZero, tiff.BlackIsZero:
		all[0] = "gray"
	}

	if im.HasAlpha() {
		all[len(all)-1] = "alpha"
	}

	return all
}

func (r *Report) locate(ctx context.Context, im *tiff.Image) error {
	crs, err := readCRS(ctx, im)
	if err != nil {
		return err
	}

	r.CRS = crs

	p, err := readPosition(ctx, im, crs.pixelIsPoint)
	if err != nil {
		return err
	}

	r.Transform, r.GCPsOnly = p.transform, p.gcps
	if r.Transform == nil {
		return nil
	}

	t := r.Transform
	r.Origin = &[2]float64{t[0], t[3]}
	r.Resolution = &[2]float64{math.Hypot(t[1], t[4]), math.Hypot(t[2], t[5])}

	same := func(x, y float64) (float64, float64) { return x, y }
	r.Bounds = r.bounds(same)

	projection := ForEPSG(crs.EPSG)
	if projection == nil {
		return nil
	}

	if b := r.bounds(projection.Inverse); b.finite() {
		r.LonLatBounds = b
		r.MinZoom, r.MaxZoom = r.zooms()
	}

	return nil
}

func (b *Bounds) finite() bool {
	sum := b.West + b.East + b.South + b.North

	return sum-sum == 0
}

// edgePoints is the number of points on each edge for bounds in other
// coordinates.
const edgePoints = 21

func (r *Report) bounds(convert func(x, y float64) (float64, float64)) *Bounds {
	b := &Bounds{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}

	for i := range edgePoints + 1 {
		along := float64(i) / edgePoints
		for _, at := range [4][2]float64{{along, 0}, {along, 1}, {0, along}, {1, along}} {
			x, y := convert(r.Transform.Apply(at[0]*float64(r.Width), at[1]*float64(r.Height)))
			b.West, b.East = min(b.West, x), max(b.East, x)
			b.South, b.North = min(b.South, y), max(b.North, y)
		}
	}

	return b
}

const (
	webTile     = 256 // pixels
	maxZoom     = 24
	maxMercator = 85.06 // degrees of latitude
)

// NativeZoom returns the zoom level, with a fraction, at which pixels of web
// tiles are as large as those in the middle of the raster. It is NaN if the
// raster cannot be projected.
func (r *Report) NativeZoom() float64 {
	projection := ForEPSG(r.CRS.EPSG)
	if r.Transform == nil || projection == nil {
		return math.NaN()
	}

	column, row := float64(r.Width)/2, float64(r.Height)/2
	at := func(column, row float64) (x, y float64) {
		lon, lat := projection.Inverse(r.Transform.Apply(column, row))

		return mercator{}.Forward(lon, min(max(lat, -maxMercator), maxMercator))
	}

	x0, y0 := at(column, row)
	x1, y1 := at(column+1, row)
	x2, y2 := at(column, row+1)
	pixel := min(math.Hypot(x1-x0, y1-y0), math.Hypot(x2-x0, y2-y0))

	return math.Log2(2 * math.Pi * earthRadius / webTile / pixel)
}

// zooms returns the zoom levels of web tiles between which the raster has
// pixels: from a few tiles to about one pixel for each of its own.
func (r *Report) zooms() (lowest, highest int) {
	exact := r.NativeZoom()
	if math.IsNaN(exact) {
		return 0, 0
	}

	highest = int(min(max(math.Ceil(exact-0.5), 0), maxZoom))
	halvings := math.Ceil(math.Log2(float64(max(r.Width, r.Height)) / webTile))

	return int(min(max(float64(highest)-max(0, halvings), 0), maxZoom)), highest
}
