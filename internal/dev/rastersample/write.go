package rastersample

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"coremachine/internal/raster/tiff"
)

// Bytes returns a file in memory.
func Bytes(s Spec) ([]byte, error) {
	var b buffer

	err := Write(&b, s)

	return b.data, err
}

// buffer is a file in memory.
type buffer struct {
	data []byte
	at   int
}

// Write is part of io.WriteSeeker.
func (b *buffer) Write(p []byte) (int, error) {
	if end := b.at + len(p); end > len(b.data) {
		b.data = append(b.data, make([]byte, end-len(b.data))...)
	}

	b.at += copy(b.data[b.at:], p)

	return len(p), nil
}

// Seek is part of io.WriteSeeker. Only positions from the start are used.
func (b *buffer) Seek(offset int64, _ int) (int64, error) {
	b.at = int(offset)

	return offset, nil
}

// writer writes a file: the header, the blocks, and then the directory.
type writer struct {
	spec   Spec
	order  binary.AppendByteOrder
	out    io.WriteSeeker
	at     int64
	err    error
	coder  *coder
	rows   []byte // a row of blocks
	block  []byte
	offset [][]uint64 // of blocks, by plane
	size   [][]uint64
}

// Write writes a file. Memory is bounded by a row of blocks.
func Write(out io.WriteSeeker, s Spec) error {
	s = s.withDefaults()

	w := &writer{spec: s, order: binary.LittleEndian, out: out}
	if s.BigEndian {
		w.order = binary.BigEndian
	}

	coder, err := newCoder(s)
	if err != nil {
		return err
	}

	w.coder = coder

	w.put(w.header(0))
	w.blocks()

	directory := w.at + w.at%2
	w.put(make([]byte, w.at%2))
	w.directory()

	if w.err == nil && !s.BigTIFF && w.at > math.MaxUint32 {
		w.err = fmt.Errorf("rastersample.Write: the file has %d bytes, so it needs BigTIFF", w.at)
	}

	if w.err != nil {
		return w.err
	}

	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return err
	}

	_, err = out.Write(w.header(directory))

	return err
}

func (w *writer) put(p []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(p)
		w.at += int64(len(p))
	}
}

func (w *writer) header(directory int64) []byte {
	p := []byte("II")
	if w.spec.BigEndian {
		p = []byte("MM")
	}

	if !w.spec.BigTIFF {
		return w.order.AppendUint32(w.order.AppendUint16(p, 42), uint32(directory))
	}

	p = w.order.AppendUint16(p, 43)
	p = w.order.AppendUint16(p, 8)
	p = w.order.AppendUint16(p, 0)

	return w.order.AppendUint64(p, uint64(directory))
}

// blockSize returns the pixels of a block in each direction.
func (w *writer) blockSize() (width, height int) {
	if w.spec.Tile > 0 {
		return w.spec.Tile, w.spec.Tile
	}

	return w.spec.Width, min(w.spec.Strip, w.spec.Height)
}

func (w *writer) planes() int {
	if w.spec.Planar {
		return w.spec.Bands
	}

	return 1
}

// blocks writes all blocks, row by row and plane by plane in each row.
func (w *writer) blocks() {
	s := w.spec
	width, height := w.blockSize()
	w.offset, w.size = make([][]uint64, w.planes()), make([][]uint64, w.planes())

	for y := 0; y < s.Height && w.err == nil; y += height {
		rows := min(height, s.Height-y)
		w.rows = make([]byte, rows*s.Width*s.PixelSize())
		s.Rows(y, rows, w.rows)

		for plane := range w.planes() {
			for x := 0; x < s.Width; x += width {
				w.writeBlock(plane, x, rows)
			}
		}
	}
}

func (w *writer) writeBlock(plane, x, rows int) {
	data, empty := w.cut(plane, x, rows)
	if empty && w.spec.Sparse {
		w.offset[plane] = append(w.offset[plane], 0)
		w.size[plane] = append(w.size[plane], 0)

		return
	}

	width, _ := w.blockSize()
	encoded, err := w.coder.encode(data, width)

	if w.err == nil {
		w.err = err
	}

	w.offset[plane] = append(w.offset[plane], uint64(w.at))
	w.size[plane] = append(w.size[plane], uint64(len(encoded)))
	w.put(encoded)
}

// cut copies the pixels of a block. Tiles are filled up with zeros.
func (w *writer) cut(plane, x, rows int) (block []byte, empty bool) {
	s := w.spec
	width, height := w.blockSize()
	size, pixel := s.Type.Size(), s.PixelSize()
	from, to := 0, pixel

	if s.Planar {
		from, to = plane*size, (plane+1)*size
	}

	stored := rows
	if s.Tile > 0 {
		stored = height
	}

	w.block = make([]byte, stored*width*(to-from))
	empty = true
	noData, _ := s.Type.Parse(tiff.NoDataText(s.NoData))

	for y := range rows {
		for i := range min(width, s.Width-x) {
			p := w.rows[(y*s.Width+x+i)*pixel:][from:to]
			copy(w.block[(y*width+i)*(to-from):], p)

			for ; len(p) > 0 && empty; p = p[size:] {
				empty = s.Type.Bits(p) == noData
			}
		}
	}

	return w.block, empty
}

// Source returns a file in memory as a source for tiff.Open.
func Source(s Spec) (tiff.Source, error) {
	data, err := Bytes(s)

	return tiff.FromReaderAt(bytes.NewReader(data), int64(len(data))), err
}
