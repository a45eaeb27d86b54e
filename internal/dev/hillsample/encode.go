package hillsample

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"

	"github.com/klauspost/compress/zlib"
	"golang.org/x/sync/errgroup"
)

// Options describe a raster of 8-bit bands.
type Options struct {
	Width, Height int // pixels
	Bands         int
	Seed          uint64
	Workers       int // rows of tiles that are encoded at the same time; 0: 2
}

// Georeference of the raster: UTM zone 33N, with pixels of 10 m.
const (
	epsg      = 32633
	pixelSize = 10
	originX   = 400_000
	originY   = 5_900_000
)

const tile = 256

// Encode makes a tiled TIFF of parts, which it passes to put with their numbers
// in the order of the file. put is called by several goroutines. Encode returns
// the number of parts.
func Encode(ctx context.Context, o Options, put func(ctx context.Context, number int, data []byte) error) (int, error) {
	if min(o.Width, o.Height, o.Bands) < 1 {
		return 0, errors.New("hillsample: the raster needs pixels and bands")
	}

	across, down := ceilDiv(o.Width, tile), ceilDiv(o.Height, tile)
	sizes := make([][]uint32, down)

	rows, rowsCtx := errgroup.WithContext(ctx)
	rows.SetLimit(max(o.Workers, 2))

	for row := range down {
		rows.Go(func() error {
			data, err := encodeRow(o, row, across, &sizes[row])
			if err == nil {
				err = put(rowsCtx, row+1, data)
			}

			return err
		})
	}

	if err := rows.Wait(); err != nil {
		return 0, err
	}

	header, directory, err := directoryOf(o, sizes)
	if err == nil {
		err = put(ctx, down+1, directory)
	}

	if err == nil {
		err = put(ctx, 0, header)
	}

	return down + 2, err
}

// encodeRow returns the compressed tiles of a row, and their sizes.
func encodeRow(o Options, row, across int, sizes *[]uint32) ([]byte, error) {
	stride := across * tile * o.Bands
	pixels := make([]byte, tile*stride)
	layers := make([]hills, o.Bands)

	for y := range min(tile, o.Height-row*tile) {
		for band := range layers {
			layers[band].seed = o.Seed*31 + uint64(band)*1000
			layers[band].fill(pixels[y*stride:], band, o.Bands, o.Width, row*tile+y)
		}
	}

	var out bytes.Buffer

	z, err := zlib.NewWriterLevel(&out, zlib.BestSpeed)
	if err != nil {
		return nil, err
	}

	for col := range across {
		before := out.Len()

		z.Reset(&out)

		for y := range tile {
			if _, err := z.Write(pixels[y*stride+col*tile*o.Bands:][:tile*o.Bands]); err != nil {
				return nil, err
			}
		}

		if err := z.Close(); err != nil {
			return nil, err
		}

		*sizes = append(*sizes, uint32(out.Len()-before))
	}

	if out.Len()%2 == 1 {
		out.WriteByte(0) // the next part begins at an even offset
	}

	return out.Bytes(), nil
}

// directoryOf returns the header, and the directory that stands behind the
// tiles.
func directoryOf(o Options, rows [][]uint32) (header, directory []byte, err error) {
	offset := int64(8)

	var offsets, sizes []uint32

	for _, row := range rows {
		start := offset

		for _, size := range row {
			offsets, sizes = append(offsets, uint32(offset)), append(sizes, size)
			offset += int64(size)
		}

		offset = start + (offset-start+1)/2*2
	}

	if offset > math.MaxUint32-1<<20 {
		return nil, nil, errors.New("hillsample: the raster needs a BigTIFF: use fewer pixels")
	}

	d := &directoryWriter{at: uint32(offset)}
	d.longs(256, []uint32{uint32(o.Width)})
	d.longs(257, []uint32{uint32(o.Height)})

	bits := make([]uint16, o.Bands)
	for i := range bits {
		bits[i] = 8
	}

	d.shorts(258, bits...)
	d.shorts(259, 8) // deflate

	photometric := uint16(1)
	if o.Bands >= 3 {
		photometric = 2
	}

	d.shorts(262, photometric)
	d.shorts(277, uint16(o.Bands))
	d.shorts(284, 1)
	d.shorts(322, tile)
	d.shorts(323, tile)
	d.longs(324, offsets)
	d.longs(325, sizes)

	if extra := o.Bands - 3; o.Bands == 2 || extra > 0 {
		d.shorts(338, make([]uint16, max(extra, 1))...)
	}

	d.doubles(33550, pixelSize, pixelSize, 0)
	d.doubles(33922, 0, 0, 0, originX, originY, 0)
	d.shorts(34735, 1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, epsg)

	header = binary.LittleEndian.AppendUint32([]byte("II*\x00"), uint32(offset))

	return header, d.bytes(), nil
}

// entry is a field of the directory. Values of more than 4 bytes stand behind
// the directory.
type entry struct {
	tag, kind uint16
	count     uint32
	inline    uint32
	values    []byte
}

type directoryWriter struct {
	at      uint32 // offset of the directory
	entries []entry
}

func (d *directoryWriter) add(tag, kind uint16, count int, values []byte) {
	e := entry{tag: tag, kind: kind, count: uint32(count)}
	if len(values) <= 4 {
		e.inline = binary.LittleEndian.Uint32(append(values, 0, 0, 0, 0))
	} else {
		e.values = values
	}

	d.entries = append(d.entries, e)
}

func (d *directoryWriter) shorts(tag uint16, values ...uint16) {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, v)
	}

	d.add(tag, 3, len(values), b)
}

func (d *directoryWriter) longs(tag uint16, values []uint32) {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}

	d.add(tag, 4, len(values), b)
}

func (d *directoryWriter) doubles(tag uint16, values ...float64) {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}

	d.add(tag, 12, len(values), b)
}

func (d *directoryWriter) bytes() []byte {
	out := binary.LittleEndian.AppendUint16(nil, uint16(len(d.entries)))
	behind := d.at + 2 + uint32(len(d.entries))*12 + 4

	var values []byte

	for _, e := range d.entries {
		out = binary.LittleEndian.AppendUint16(out, e.tag)
		out = binary.LittleEndian.AppendUint16(out, e.kind)
		out = binary.LittleEndian.AppendUint32(out, e.count)

		if e.values == nil {
			out = binary.LittleEndian.AppendUint32(out, e.inline)
			continue
		}

		out = binary.LittleEndian.AppendUint32(out, behind+uint32(len(values)))
		values = append(values, e.values...)
	}

	out = binary.LittleEndian.AppendUint32(out, 0) // no next directory

	return append(out, values...)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
