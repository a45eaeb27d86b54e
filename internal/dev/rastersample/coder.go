package rastersample

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"coremachine/internal/raster/tiff"
)

// coder encodes blocks.
type coder struct {
	spec   Spec
	bands  int // of a block
	tables []byte
	zstd   *zstd.Encoder
	zlib   *zlib.Writer
}

func newCoder(s Spec) (*coder, error) {
	c := &coder{spec: s, bands: s.Bands}
	if s.Planar {
		c.bands = 1
	}

	if s.Compression != tiff.Zstd {
		return c, nil
	}

	options := []zstd.EOption{zstd.WithEncoderConcurrency(1)}
	if s.Window != 0 {
		options = append(options, zstd.WithWindowSize(s.Window))
	}

	var err error

	c.zstd, err = zstd.NewWriter(nil, options...)

	return c, err
}

// encode applies the predictor and compresses a block. It changes the block.
func (c *coder) encode(block []byte, width int) ([]byte, error) {
	if c.spec.Compression == tiff.JPEG {
		return c.encodeJPEG(block, width)
	}

	row := width * c.bands * c.spec.Type.Size()

	for rest := block; len(rest) > 0; rest = rest[row:] {
		c.predict(rest[:row])
	}

	switch c.spec.Compression {
	case tiff.AdobeDeflate, tiff.Deflate:
		return c.deflate(block)
	case tiff.Zstd:
		return c.encodeZstd(block)
	case tiff.LZW:
		return encodeLZW(block), nil
	case tiff.PackBits:
		return encodePackBits(block), nil
	case tiff.None, tiff.JPEG:
		return block, nil
	default:
		return block, nil // of a compression that cannot be read
	}
}

// encodeZstd writes a frame with the size of its content, or with a window.
func (c *coder) encodeZstd(block []byte) ([]byte, error) {
	if c.spec.Window == 0 {
		return c.zstd.EncodeAll(block, nil), nil
	}

	var b bytes.Buffer

	c.zstd.Reset(&b)

	_, err := c.zstd.Write(block[:len(block)/2])
	err = errors.Join(err, c.zstd.Flush()) // from here on, the size is not known
	_, more := c.zstd.Write(block[len(block)/2:])
	err = errors.Join(err, more, c.zstd.Close())

	return b.Bytes(), err
}

func (c *coder) deflate(block []byte) ([]byte, error) {
	var b bytes.Buffer

	if c.zlib == nil {
		c.zlib = zlib.NewWriter(&b)
	}

	c.zlib.Reset(&b)

	if _, err := c.zlib.Write(block); err != nil {
		return nil, err
	}

	err := c.zlib.Close()

	return b.Bytes(), err
}

// predict stores differences and the byte order of the file.
func (c *coder) predict(row []byte) {
	t, size := c.spec.Type, c.spec.Type.Size()
	step := c.bands * size

	switch c.spec.Predictor {
	case tiff.HorizontalPredictor:
		for i := len(row) - size; i >= step; i -= size {
			t.Put(row[i:], t.Bits(row[i:])-t.Bits(row[i-step:]))
		}
	case tiff.FloatPredictor:
		sorted := make([]byte, len(row))
		for i, b := range row {
			sorted[(size-1-i%size)*(len(row)/size)+i/size] = b
		}

		for i := len(sorted) - 1; i >= c.bands; i-- {
			sorted[i] -= sorted[i-c.bands]
		}

		copy(row, sorted)

		return
	}

	if c.spec.BigEndian {
		for i := 0; i < len(row); i += size {
			for a, b := i, i+size-1; a < b; a, b = a+1, b-1 {
				row[a], row[b] = row[b], row[a]
			}
		}
	}
}

func (c *coder) encodeJPEG(block []byte, width int) ([]byte, error) {
	bounds := image.Rect(0, 0, width, len(block)/width/c.bands)

	var img image.Image = &image.Gray{Pix: block, Stride: width, Rect: bounds}

	if c.bands == 3 {
		rgba := image.NewRGBA(bounds)
		for i := range len(block) / 3 {
			copy(rgba.Pix[i*4:], block[i*3:][:3])
			rgba.Pix[i*4+3] = 255
		}

		img = rgba
	}

	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		return nil, err
	}

	if !c.spec.Tables {
		return b.Bytes(), nil
	}

	return c.splitTables(b.Bytes())
}

// splitTables moves the tables of a stream to those of the directory.
func (c *coder) splitTables(stream []byte) ([]byte, error) {
	c.tables = []byte("\xff\xd8")

	rest := append([]byte(nil), stream[:2]...)

	for p := stream[2:]; len(p) >= 4 && p[0] == 0xff; {
		n := 2 + int(p[2])<<8 + int(p[3])

		switch p[1] {
		case 0xdb, 0xc4:
			c.tables = append(c.tables, p[:n]...)
		case 0xda:
			c.tables = append(c.tables, "\xff\xd9"...)
			return append(rest, p...), nil
		default:
			rest = append(rest, p[:n]...)
		}

		p = p[n:]
	}

	return nil, fmt.Errorf("a JPEG stream of %d bytes has no scan", len(stream))
}

// encodeLZW is the variant of TIFF: the most significant bit first, and codes
// grow one code early.
func encodeLZW(src []byte) []byte {
	const (
		clearCode, endCode, first = 256, 257, 258
		last                      = 4094
	)

	var (
		out   []byte
		acc   uint32
		bits  uint
		width uint = 9
	)

	emit := func(code int) {
		acc = acc<<width | uint32(code)

		for bits += width; bits >= 8; bits -= 8 {
			out = append(out, byte(acc>>(bits-8)))
		}
	}

	table := map[[2]int]int{}
	next, prefix := first, -1

	emit(clearCode)

	for _, b := range src {
		if prefix < 0 {
			prefix = int(b)
			continue
		}

		if code, known := table[[2]int{prefix, int(b)}]; known {
			prefix = code
			continue
		}

		emit(prefix)
		table[[2]int{prefix, int(b)}] = next
		prefix = int(b)
		next++

		switch next {
		case 512, 1024, 2048:
			width++
		case last:
			emit(clearCode)
			clear(table)

			next, width = first, 9
		}
	}

	if prefix >= 0 {
		emit(prefix)

		if next++; next == 512 || next == 1024 || next == 2048 {
			width++
		}
	}

	emit(endCode)

	if bits > 0 {
		out = append(out, byte(acc<<(8-bits)))
	}

	return out
}

// encodePackBits stores runs of at least three equal bytes as a run.
func encodePackBits(src []byte) []byte {
	const longest = 128

	var out []byte

	run := func(p []byte) int {
		n := 1
		for n < min(len(p), longest) && p[n] == p[0] {
			n++
		}

		return n
	}

	for len(src) > 0 {
		if n := run(src); n >= 3 {
			out = append(out, byte(1-n), src[0])
			src = src[n:]

			continue
		}

		n := 1
		for n < min(len(src), longest) && run(src[n:]) < 3 {
			n++
		}

		out = append(append(out, byte(n-1)), src[:n]...)
		src = src[n:]
	}

	return out
}
