package rastersample

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"coremachine/internal/raster/tiff"
)

// entry is a field of a directory, with values in the byte order of the file.
type entry struct {
	tag   tiff.Tag
	typ   tiff.FieldType
	count int
	data  []byte
}

// directory writes the directory, and that of a mask if it is wanted.
func (w *writer) directory() {
	entries := slices.Concat(w.layout(), w.position(), w.texts())

	if !w.spec.Mask {
		w.putDirectory(entries, false)
		return
	}

	w.putDirectory(entries, true)

	mask := []entry{
		w.numbers(tiff.TagNewSubfileType, tiff.TypeLong, tiff.SubfileMask),
		w.numbers(tiff.TagImageWidth, tiff.TypeLong, 8), w.numbers(tiff.TagImageLength, tiff.TypeLong, 1),
		w.numbers(tiff.TagBitsPerSample, tiff.TypeShort, 1), w.numbers(tiff.TagPhotometric, tiff.TypeShort, 4),
		w.numbers(tiff.TagStripOffsets, tiff.TypeLong, 4), w.numbers(tiff.TagStripByteCounts, tiff.TypeLong, 1),
	}
	w.putDirectory(mask, false)
}

func (w *writer) numbers(tag tiff.Tag, typ tiff.FieldType, values ...int) entry {
	e := entry{tag: tag, typ: typ, count: len(values)}

	for _, v := range values {
		switch typ.Size() {
		case 2:
			e.data = w.order.AppendUint16(e.data, uint16(v))
		case 4:
			e.data = w.order.AppendUint32(e.data, uint32(v))
		default:
			e.data = w.order.AppendUint64(e.data, uint64(v))
		}
	}

	return e
}

func (w *writer) shorts(tag tiff.Tag, values ...int) entry {
	return w.numbers(tag, tiff.TypeShort, values...)
}

func (w *writer) doubles(tag tiff.Tag, values ...float64) entry {
	e := entry{tag: tag, typ: tiff.TypeDouble, count: len(values)}
	for _, v := range values {
		e.data = w.order.AppendUint64(e.data, math.Float64bits(v))
	}

	return e
}

func text(tag tiff.Tag, value string) entry {
	return entry{tag, tiff.TypeASCII, len(value) + 1, append([]byte(value), 0)}
}

func (w *writer) photometric() tiff.Photometric {
	colours := w.spec.Bands
	if w.spec.Alpha {
		colours--
	}

	switch {
	case w.spec.Palette:
		return tiff.Palette
	case w.spec.YCbCr:
		return tiff.YCbCr
	case w.spec.White:
		return tiff.WhiteIsZero
	case colours == 3:
		return tiff.RGB
	default:
		return tiff.BlackIsZero
	}
}

// layout returns the fields that say how pixels are stored.
func (w *writer) layout() []entry {
	s := w.spec
	planar, offsets := 1, tiff.TypeLong

	if s.Planar {
		planar = 2
	}

	if s.BigTIFF {
		offsets = tiff.TypeLong8
	}

	all := []entry{
		w.numbers(tiff.TagImageWidth, tiff.TypeLong, s.Width), w.numbers(tiff.TagImageLength, tiff.TypeLong, s.Height),
		w.shorts(tiff.TagBitsPerSample, slices.Repeat([]int{s.Type.Size() * 8}, s.Bands)...),
		w.shorts(tiff.TagCompression, int(s.Compression)), w.shorts(tiff.TagPhotometric, int(w.photometric())),
		w.shorts(tiff.TagSamplesPerPixel, s.Bands), w.shorts(tiff.TagPlanarConfig, planar),
		w.shorts(tiff.TagSampleFormat, slices.Repeat([]int{s.Type.Format()}, s.Bands)...),
	}

	if s.Predictor != tiff.NoPredictor {
		all = append(all, w.shorts(tiff.TagPredictor, s.Predictor))
	}

	if s.Palette {
		all = append(all, w.palette())
	}

	if s.YCbCr {
		all = append(all, w.shorts(tiff.TagYCbCrSubsampling, 2, 2))
	}

	if w.coder.tables != nil {
		all = append(all, entry{tiff.TagJPEGTables, tiff.TypeUndefined, len(w.coder.tables), w.coder.tables})
	}

	if extra := w.extra(); len(extra) > 0 {
		all = append(all, w.shorts(tiff.TagExtraSamples, extra...))
	}

	ints := func(all [][]uint64) []int {
		var flat []int
		for _, v := range slices.Concat(all...) {
			flat = append(flat, int(v))
		}

		return flat
	}

	if s.Tile > 0 {
		return append(all, w.shorts(tiff.TagTileWidth, s.Tile), w.shorts(tiff.TagTileLength, s.Tile),
			w.numbers(tiff.TagTileOffsets, offsets, ints(w.offset)...),
			w.numbers(tiff.TagTileByteCounts, tiff.TypeLong, ints(w.size)...))
	}

	return append(all, w.shorts(tiff.TagRowsPerStrip, s.Strip),
		w.numbers(tiff.TagStripOffsets, offsets, ints(w.offset)...),
		w.numbers(tiff.TagStripByteCounts, tiff.TypeLong, ints(w.size)...))
}

// extra returns the meaning of bands after the colours.
func (w *writer) extra() []int {
	colours := 1
	if p := w.photometric(); p == tiff.RGB || p == tiff.YCbCr {
		colours = 3
	}

	extra := make([]int, max(0, w.spec.Bands-colours))
	if w.spec.Alpha && len(extra) > 0 {
		extra[len(extra)-1] = tiff.ExtraAlpha
	}

	return extra
}

func (w *writer) palette() entry {
	colours := 1 << (8 * w.spec.Type.Size())
	values := make([]int, 3*colours)

	for i := range values {
		values[i] = int(mix(uint64(i))%256) * 257
	}

	return w.shorts(tiff.TagColorMap, values...)
}

// position returns the fields of the position and the reference system.
func (w *writer) position() []entry {
	s := w.spec

	// 10 m pixels in Prague, or 0.001 degrees nearby.
	x, y, pixel := 458_000.0, 5_549_000.0, 10.0
	if s.EPSG == 4326 {
		x, y, pixel = 14.25, 50.25, 0.001
	}

	var all []entry

	switch {
	case s.NoPosition:
	case s.GCPs:
		all = append(all, w.doubles(tiff.TagModelTiepoint,
			0, 0, 0, x, y, 0, 90, 0, 0, x+900, y, 0, 0, 90, 0, x, y-900, 0))
	case s.Matrix:
		all = append(all, w.doubles(tiff.TagModelTransform,
			pixel, pixel/8, 0, x, pixel/8, -pixel, 0, y, 0, 0, 0, 0, 0, 0, 0, 1))
	default:
		all = append(all, w.doubles(tiff.TagModelPixelScale, pixel, pixel, 0),
			w.doubles(tiff.TagModelTiepoint, 0, 0, 0, x, y, 0))
	}

	if s.Local != "" {
		return append(all, text(tiff.TagGeoASCIIParams, s.Local+"|"), w.shorts(tiff.TagGeoKeyDirectory,
			1, 1, 0, 2, 1025, 0, 1, 1, 1026, int(tiff.TagGeoASCIIParams), len(s.Local)+1, 0))
	}

	if s.EPSG < 0 {
		return all
	}

	raster := 1
	if s.Points {
		raster = 2
	}

	if s.EPSG == 4326 {
		return append(all, w.shorts(tiff.TagGeoKeyDirectory,
			1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, raster, 2048, 0, 1, s.EPSG))
	}

	return append(all, w.shorts(tiff.TagGeoKeyDirectory,
		1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, raster, 3072, 0, 1, s.EPSG))
}

func (w *writer) texts() []entry {
	var all []entry

	for tag, value := range map[tiff.Tag]string{
		tiff.TagGDALNoData: w.spec.NoData, tiff.TagGDALMetadata: w.spec.Metadata,
		tiff.TagImageDescription: w.spec.Description,
	} {
		if value != "" {
			all = append(all, text(tag, strings.TrimSpace(value)))
		}
	}

	return all
}

// putDirectory writes fields, and their values behind them.
func (w *writer) putDirectory(entries []entry, more bool) {
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.tag, b.tag) })

	word := 4
	if w.spec.BigTIFF {
		word = 8
	}

	var head, values []byte

	head = w.appendWord(head, map[int]int{4: 2, 8: 8}[word], len(entries))
	size := len(head) + len(entries)*(4+2*word) + word

	for _, e := range entries {
		head = w.order.AppendUint16(head, uint16(e.tag))
		head = w.order.AppendUint16(head, uint16(e.typ))
		head = w.appendWord(head, word, e.count)

		if len(e.data) <= word {
			head = append(append(head, e.data...), make([]byte, word-len(e.data))...)
			continue
		}

		head = w.appendWord(head, word, int(w.at)+size+len(values))
		values = append(values, e.data...)
		values = append(values, make([]byte, len(values)%2)...)
	}

	next := 0
	if more {
		next = int(w.at) + size + len(values)
	}

	head = w.appendWord(head, word, next)
	w.put(append(head, values...))
}

func (w *writer) appendWord(p []byte, width, v int) []byte {
	switch width {
	case 2:
		return w.order.AppendUint16(p, uint16(v))
	case 4:
		return w.order.AppendUint32(p, uint32(v))
	default:
		return w.order.AppendUint64(p, uint64(v))
	}
}
