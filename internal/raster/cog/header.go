package cog

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"coremachine/internal/raster/tiff"
)

// The structural metadata says how tiles are stored. Its last character is the
// space that GDAL writes, so that it can change NO to YES in place.
const structure = "LAYOUT=IFDS_BEFORE_DATA\n" +
	"BLOCK_ORDER=ROW_MAJOR\n" +
	"BLOCK_LEADER=SIZE_AS_UINT4\n" +
	"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n" +
	"KNOWN_INCOMPATIBLE_EDITION=NO\n "

const ghost = "GDAL_STRUCTURAL_METADATA_SIZE=000140 bytes\n" + structure

// form is how classic TIFF and BigTIFF differ.
type form struct {
	big               bool
	start             string // with the structural metadata behind it
	first             int64  // offset of the first directory
	head, entry, word int64  // bytes of the number of fields, of a field, of an offset
	offsets           tiff.FieldType
}

var classic = form{
	start: "II*\x00\xc0\x00\x00\x00", first: 192, head: 2, entry: 12, word: 4, offsets: tiff.TypeLong,
}

var bigTIFF = form{
	big: true, start: "II+\x00\x08\x00\x00\x00\xc8\x00\x00\x00\x00\x00\x00\x00", first: 200,
	head: 8, entry: 20, word: 8, offsets: tiff.TypeLong8,
}

// storage returns the fields that say how tiles are stored.
func (p *Plan) storage(im *tiff.Image) []field {
	o := p.Options
	compressions := map[string]tiff.Compression{
		Deflate: tiff.AdobeDeflate, Zstd: tiff.Zstd, JPEG: tiff.JPEG, None: tiff.None,
	}
	predictors := map[string]int{
		None: tiff.NoPredictor, Horizontal: tiff.HorizontalPredictor, Float: tiff.FloatPredictor,
	}

	photometric := im.Photometric
	if photometric == tiff.YCbCr {
		photometric = tiff.RGB // decoded
	}

	if o.Compression == JPEG && p.Bands == 3 {
		photometric = tiff.YCbCr
	}

	all := []field{
		shorts(tiff.TagBitsPerSample, slices.Repeat([]int{p.Type.Size() * 8}, p.Bands)...),
		shorts(tiff.TagCompression, int(compressions[o.Compression])),
		shorts(tiff.TagPhotometric, int(photometric)),
		shorts(tiff.TagSamplesPerPixel, p.Bands),
		shorts(tiff.TagPlanarConfig, 1),
		shorts(tiff.TagTileWidth, o.BlockSize),
		shorts(tiff.TagTileLength, o.BlockSize),
		shorts(tiff.TagSampleFormat, slices.Repeat([]int{p.Type.Format()}, p.Bands)...),
	}

	if predictor := predictors[o.Predictor]; predictor != tiff.NoPredictor {
		all = append(all, shorts(tiff.TagPredictor, predictor))
	}

	if photometric == tiff.YCbCr {
		all = append(all, shorts(tiff.TagYCbCrSubsampling, 2, 2))
	} else if len(im.Extra) > 0 {
		all = append(all, shorts(tiff.TagExtraSamples, im.Extra...))
	}

	return all
}

func shorts(tag tiff.Tag, values ...int) field {
	f := field{tag: tag, typ: tiff.TypeShort, count: int64(len(values))}
	for _, v := range values {
		f.data = binary.LittleEndian.AppendUint16(f.data, uint16(v))
	}

	return f
}

func long(tag tiff.Tag, value int) field {
	return field{tag, tiff.TypeLong, 1, binary.LittleEndian.AppendUint32(nil, uint32(value))}
}

// header returns the bytes before the tiles, and the size of the file. The size
// decides between classic TIFF and BigTIFF.
func (a *parts) header(m *metadata) (header []byte, size int64, big bool) {
	for _, f := range []form{classic, bigTIFF} {
		header, size = a.headerIn(f, m)
		big = f.big

		if size <= math.MaxUint32 {
			break
		}
	}

	return header, size, big
}

func (a *parts) headerIn(f form, m *metadata) ([]byte, int64) {
	directories := a.directories(f, m)

	// The directories come first with their values, then the arrays.
	at := f.first
	for i := range directories {
		at = directories[i].place(f, at, false)
	}

	for i := range directories {
		at = directories[i].place(f, at, true)
	}

	end := a.offsets(f, directories, at)

	header := make([]byte, 0, at)
	header = append(header, f.start+ghost...)
	header = pad(header, f.first)

	for i := range directories {
		next := int64(0)
		if i+1 < len(directories) {
			next = directories[i+1].at
		}

		header = directories[i].append(header, f, next)
	}

	for i := range directories {
		header = directories[i].appendValues(header, true)
	}

	return pad(header, at), end
}

// directories returns the fields of all levels. The offsets of tiles are still
// 0.
func (a *parts) directories(f form, m *metadata) []directory {
	all := make([]directory, len(a.levels))

	for n, level := range a.levels {
		fields := slices.Clone(m.every)
		if n == 0 {
			fields = append(fields, m.first...)
		} else {
			fields = append(fields, long(tiff.TagNewSubfileType, tiff.SubfileReduced))
		}

		tiles := int64(level.Cols * level.Rows)
		counts := field{tiff.TagTileByteCounts, tiff.TypeLong, tiles, nil}

		for _, size := range a.sizes[n] {
			counts.data = binary.LittleEndian.AppendUint32(counts.data, size)
		}

		fields = append(fields, counts, long(tiff.TagImageWidth, level.Width), long(tiff.TagImageLength, level.Height),
			field{tiff.TagTileOffsets, f.offsets, tiles, make([]byte, tiles*int64(f.offsets.Size()))})

		slices.SortFunc(fields, func(a, b field) int { return cmp.Compare(a.tag, b.tag) })

		all[n] = directory{fields: fields, places: make([]int64, len(fields))}
	}

	return all
}

// offsets sets the offsets of the tiles, whose data begin at an offset, and
// returns the end of the file.
func (a *parts) offsets(f form, directories []directory, at int64) int64 {
	for n, sizes := range slices.Backward(a.sizes) {
		i := slices.IndexFunc(directories[n].fields, func(f field) bool { return f.tag == tiff.TagTileOffsets })
		data := directories[n].fields[i].data

		for tile, size := range sizes {
			if size == 0 {
				continue // left out
			}

			at += leader
			if f.big {
				binary.LittleEndian.PutUint64(data[tile*8:], uint64(at))
			} else {
				binary.LittleEndian.PutUint32(data[tile*4:], uint32(at))
			}

			at += int64(size) + trailer
		}
	}

	return at
}
