package tiff

import (
	"context"
	"fmt"
	"slices"
)

// Image is a directory of a file and the image that it describes.
type Image struct {
	Index  int   // among the directories of the file
	Offset int64 // of the directory
	End    int64 // of the first byte behind the directory
	Fields []Field

	Subfile       uint32 // bits SubfileReduced and SubfileMask
	Width, Height int
	Bands         int
	Type          SampleType // 0 if the samples cannot be read
	Compression   Compression
	Predictor     int
	Photometric   Photometric
	Extra         []int // meaning of the last bands
	Planar        bool  // each band has blocks of its own

	Tiled                   bool
	BlockWidth, BlockHeight int // of a tile or strip

	// NoData is the number in GDAL's tag, or "". Use NoDataBits to compare.
	NoData string

	file        *File
	reversed    bool // FillOrder
	unsupported error
}

// describe fills the fields of an image. It fails if they contradict each
// other. If they are valid but cannot be read, Readable returns an error.
func (im *Image) describe(ctx context.Context) error {
	d := &description{ctx: ctx, im: im}

	im.Subfile = uint32(d.number(TagNewSubfileType, 0))
	im.Width = d.side(TagImageWidth)
	im.Height = d.side(TagImageLength)
	im.Bands = int(d.number(TagSamplesPerPixel, 1))
	im.Compression = Compression(d.number(TagCompression, uint64(None)))
	im.Photometric = Photometric(d.number(TagPhotometric, uint64(BlackIsZero)))
	im.Predictor = int(d.number(TagPredictor, NoPredictor))
	im.Planar = d.number(TagPlanarConfig, 1) == 2
	im.reversed = d.number(TagFillOrder, 1) != 1

	if d.err == nil && (im.Bands < 1 || im.Bands > maxBands) {
		d.err = Errorf(CodeUnsupported, "The image has %d bands, want 1 to %d", im.Bands, maxBands)
	}

	d.samples()
	d.blocks()

	if d.err == nil {
		im.NoData, d.err = im.Text(ctx, TagGDALNoData)
		im.NoData = NoDataText(im.NoData)
	}

	if d.err == nil {
		im.unsupported = im.check()
	}

	return d.err
}

// description reads fields until the first error.
type description struct {
	ctx  context.Context
	im   *Image
	err  error
	bits []uint64
}

// number returns the first value of a field.
func (d *description) number(tag Tag, missing uint64) uint64 {
	if d.err != nil {
		return 0
	}

	all, err := d.im.Uints(d.ctx, tag)
	if err != nil {
		d.err = err
		return 0
	}

	if len(all) == 0 {
		return missing
	}

	return all[0]
}

// side returns a number of pixels, which must be there and positive.
func (d *description) side(tag Tag) int {
	n := d.number(tag, 0)
	if d.err == nil && (n == 0 || n > maxSide) {
		d.err = Errorf(CodeCorruptHeader, "%s of directory %d is %d, want 1 to %d",
			sprintTag(tag), d.im.Index, n, maxSide)
	}

	return int(n)
}

func (d *description) samples() {
	if d.err != nil {
		return
	}

	formats, err := d.im.Uints(d.ctx, TagSampleFormat)
	if err == nil {
		d.bits, err = d.im.Uints(d.ctx, TagBitsPerSample)
	}

	extra := []uint64(nil)
	if err == nil {
		extra, err = d.im.Uints(d.ctx, TagExtraSamples)
	}

	if err != nil {
		d.err = err
		return
	}

	for _, e := range extra[:min(len(extra), d.im.Bands)] {
		d.im.Extra = append(d.im.Extra, int(e))
	}

	format, bits := uint64(1), uint64(1)
	if len(formats) > 0 {
		format = formats[0]
	}

	if len(d.bits) > 0 {
		bits = d.bits[0]
	}

	same := func(all []uint64, v uint64) bool {
		return !slices.ContainsFunc(all, func(other uint64) bool { return other != v })
	}

	if same(d.bits, bits) && same(formats, format) && bits <= 64 {
		d.im.Type = sampleType(int(format), int(bits))
	}

	switch {
	case !same(d.bits, bits):
		d.im.unsupported = Errorf(CodeUnsupported, "The bands have different depths %v; want the same for all", d.bits)
	case !same(formats, format):
		d.im.unsupported = Errorf(CodeUnsupported, "The bands have different sample formats %v; want the same for all",
			formats)
	case d.im.Type == 0:
		d.im.unsupported = Errorf(CodeUnsupported, "Samples of %d bits (%s) cannot be read; "+
			"supported: 8, 16, 32 and 64 bit integers, 32 and 64 bit floats", bits, formatName(format))
	}
}

func formatName(format uint64) string {
	names := []string{"", "unsigned", "signed", "float", "undefined", "complex integer", "complex float"}
	if format < uint64(len(names)) {
		return names[format]
	}

	return fmt.Sprintf("format %d", format)
}

// blocks reads the layout in tiles or strips, and checks that there are enough
// of them.
func (d *description) blocks() {
	im := d.im
	im.Tiled = im.Field(TagTileWidth) != nil || im.Field(TagTileOffsets) != nil

	if im.Tiled {
		im.BlockWidth, im.BlockHeight = d.side(TagTileWidth), d.side(TagTileLength)
	} else {
		rows := d.number(TagRowsPerStrip, uint64(im.Height))
		if d.err == nil && rows == 0 {
			d.err = Errorf(CodeCorruptHeader, "%s of directory %d is 0", sprintTag(TagRowsPerStrip), im.Index)
		}

		im.BlockWidth, im.BlockHeight = im.Width, int(min(rows, uint64(im.Height)))
	}

	if d.err != nil {
		return
	}

	if im.Tiled && (im.BlockWidth%16 != 0 || im.BlockHeight%16 != 0) {
		d.err = Errorf(CodeCorruptHeader, "Tiles of %d x %d pixels: both sides must be multiples of 16",
			im.BlockWidth, im.BlockHeight)

		return
	}

	offsets, sizes := im.arrays()
	for _, tag := range []Tag{offsets, sizes} {
		field := im.Field(tag)
		if field == nil {
			d.err = Errorf(CodeCorruptHeader, "Directory %d has no %s", im.Index, sprintTag(tag))
			return
		}

		if !slices.Contains([]FieldType{TypeShort, TypeLong, TypeLong8}, field.Type) {
			d.err = Errorf(CodeCorruptHeader, "%s has type %d, want an unsigned integer", sprintTag(tag), field.Type)
			return
		}

		if field.Count < im.BlockCount() {
			d.err = Errorf(CodeCorruptHeader, "%s has %d values, but the image has %d blocks",
				sprintTag(tag), field.Count, im.BlockCount())

			return
		}
	}
}

// arrays returns the tags of the offsets and sizes of the blocks.
func (im *Image) arrays() (offsets, sizes Tag) {
	if im.Tiled {
		return TagTileOffsets, TagTileByteCounts
	}

	return TagStripOffsets, TagStripByteCounts
}

// BlocksAcross is the number of blocks in a row.
func (im *Image) BlocksAcross() int { return ceilDiv(im.Width, im.BlockWidth) }

// BlocksDown is the number of rows of blocks.
func (im *Image) BlocksDown() int { return ceilDiv(im.Height, im.BlockHeight) }

// Planes is the number of bands if each has blocks of its own, and otherwise 1.
func (im *Image) Planes() int {
	if im.Planar {
		return im.Bands
	}

	return 1
}

// BlockCount is the number of blocks of all planes.
func (im *Image) BlockCount() int64 {
	return int64(im.BlocksAcross()) * int64(im.BlocksDown()) * int64(im.Planes())
}

// PixelSize is the length of a pixel with all bands in bytes.
func (im *Image) PixelSize() int { return im.Bands * im.Type.Size() }

// HasAlpha reports whether the last band is an alpha band.
func (im *Image) HasAlpha() bool {
	if len(im.Extra) == 0 || im.Bands < 2 {
		return false
	}

	last := im.Extra[len(im.Extra)-1]

	return last == ExtraAlpha || last == ExtraAssociatedAlpha
}

// NoDataBits returns the value of pixels without data, if the image declares
// one that its type can represent. It is NaN for "nan".
func (im *Image) NoDataBits() (bits uint64, declared bool) {
	if im.NoData == "" {
		return 0, false
	}

	return im.Type.Parse(im.NoData)
}

// IsOverview reports whether the image is a smaller copy of another one.
func (im *Image) IsOverview() bool { return im.Subfile&SubfileReduced != 0 && !im.IsMask() }

// IsMask reports whether the image marks the valid pixels of another one.
func (im *Image) IsMask() bool { return im.Subfile&SubfileMask != 0 || im.Photometric == 4 }

// Readable returns nil if a Reader can decode the image, and otherwise an Error
// with CodeUnsupported that names what is not supported.
func (im *Image) Readable() error { return im.unsupported }

// IsLevelOf reports whether a Reader returns pixels of the same kind as those of
// the full resolution.
func (im *Image) IsLevelOf(full *Image) bool {
	return im.Bands == full.Bands && im.Type == full.Type && im.Readable() == nil
}

// Main returns the image of full resolution, if the file can be read as one
// raster. Otherwise it returns an Error with CodeUnsupported.
func (f *File) Main() (*Image, error) {
	for _, im := range f.Images {
		if im.IsMask() {
			return nil, Errorf(CodeUnsupported,
				"Directory %d is an internal mask, which cannot be read; use a nodata value or an alpha band", im.Index)
		}
	}

	return f.Images[0], f.Images[0].Readable()
}

// Overviews returns the images that are smaller copies of the first one, in
// their order in the file.
func (f *File) Overviews() []*Image {
	var all []*Image

	for _, im := range f.Images[1:] {
		if im.IsOverview() {
			all = append(all, im)
		}
	}

	return all
}

func sprintTag(tag Tag) string {
	if name, known := tagNames[tag]; known {
		return fmt.Sprintf("Tag %d (%s)", tag, name)
	}

	return fmt.Sprintf("Tag %d", tag)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
