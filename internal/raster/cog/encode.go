package cog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/klauspost/compress/zstd"

	"coremachine/internal/raster/tiff"
)

// A tile has its length before it, and its last bytes again behind it.
const (
	leader  = 4
	trailer = 4
)

// encoder encodes tiles and reduces pixels. It holds their buffers.
type encoder struct {
	plan  *Plan
	fill  []byte // a pixel without data
	empty bool   // whether tiles without data are left out

	tile    []byte
	row     []byte // for the floating-point predictor
	out     bytes.Buffer
	deflate *deflater
	zstd    *zstd.Encoder
	fast    *zstd.Encoder // of scratch data
	unfast  *zstd.Decoder
	rgba    *image.RGBA
	reducer reducer
}

func newEncoder(p *Plan) (*encoder, error) {
	o := p.Options
	e := &encoder{plan: p, empty: o.Sparse, fill: make([]byte, p.PixelSize()), reducer: newReducer(p)}
	e.tile = make([]byte, o.BlockSize*o.BlockSize*p.PixelSize())

	if bits, declared := p.noData(); declared {
		for band := range p.Bands {
			p.Type.Put(e.fill[band*p.Type.Size():], bits)
		}
	}

	var err error

	switch o.Compression {
	case Deflate:
		e.deflate, err = newDeflater(&e.out, o.Level)
	case Zstd:
		e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(o.Level)),
			zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
			zstd.WithAllLitEntropyCompression(true)) // also data in which nothing repeats
	case JPEG:
		e.rgba = image.NewRGBA(image.Rect(0, 0, o.BlockSize, o.BlockSize))
	}

	return e, err
}

func (e *encoder) close() {
	if e.unfast != nil {
		e.unfast.Close()
	}
}

// noData returns the value of pixels without data.
func (p *Plan) noData() (bits uint64, declared bool) {
	if p.Options.NoData == "" {
		return 0, false
	}

	return p.Type.Parse(p.Options.NoData)
}

// appendTile appends a tile with its leader and trailer, or nothing if the tile
// is left out.
func (e *encoder) appendTile(block []byte, s *strip, col int) ([]byte, error) {
	if e.cut(s, col) && e.empty {
		return block, nil
	}

	e.out.Reset()

	if err := e.compress(); err != nil {
		return nil, fmt.Errorf("encode tile: %w", err)
	}

	data := e.out.Bytes()
	block = binary.LittleEndian.AppendUint32(block, uint32(len(data)))
	block = append(block, data...)

	return append(block, data[len(data)-trailer:]...), nil
}

// cut copies the pixels of a tile, and repeats the last column and row up to the
// edges of the tile. It reports whether no pixel has data.
func (e *encoder) cut(s *strip, col int) bool {
	size, pixel := e.plan.Options.BlockSize, e.plan.PixelSize()
	x := col * size
	width := min(size, s.width-x)
	blank := e.empty

	for y := range size {
		row := e.tile[y*size*pixel:][:size*pixel]
		if y >= s.rows {
			copy(row, e.tile[(s.rows-1)*size*pixel:])
			continue
		}

		copy(row, s.pixels[(y*s.width+x)*pixel:][:width*pixel])

		blank = blank && e.isFill(row[:width*pixel])

		for i := width * pixel; i < len(row); i += pixel {
			copy(row[i:i+pixel], row[(width-1)*pixel:])
		}
	}

	return blank
}

func (e *encoder) isFill(row []byte) bool {
	for ; len(row) > 0; row = row[len(e.fill):] {
		if !bytes.Equal(row[:len(e.fill)], e.fill) {
			return false
		}
	}

	return true
}

func (e *encoder) compress() error {
	if e.plan.Options.Compression == JPEG {
		return e.compressJPEG()
	}

	e.predict()

	switch {
	case e.deflate != nil:
		return e.deflate.compress(e.tile)
	case e.zstd != nil:
		e.out.Write(e.zstd.EncodeAll(e.tile, e.out.AvailableBuffer()))
	default:
		e.out.Write(e.tile)
	}

	return nil
}

func (e *encoder) compressJPEG() error {
	size := e.plan.Options.BlockSize
	options := &jpeg.Options{Quality: e.plan.Options.Quality}

	if e.plan.Bands == 1 {
		grey := &image.Gray{Pix: e.tile, Stride: size, Rect: image.Rect(0, 0, size, size)}

		return jpeg.Encode(&e.out, grey, options)
	}

	for i, j := 0, 0; i < len(e.tile); i, j = i+3, j+4 {
		copy(e.rgba.Pix[j:j+3], e.tile[i:i+3])
		e.rgba.Pix[j+3] = 255
	}

	return jpeg.Encode(&e.out, e.rgba, options)
}

// predict replaces samples by differences, in place.
func (e *encoder) predict() {
	o := e.plan.Options
	bands, width := e.plan.Bands, e.plan.Type.Size()
	row := o.BlockSize * e.plan.PixelSize()

	switch o.Predictor {
	case Horizontal:
		for rest := e.tile; len(rest) > 0; rest = rest[row:] {
			horizontal(rest[:row], bands, width)
		}
	case Float:
		e.row = append(e.row[:0], e.tile[:row]...)

		for rest := e.tile; len(rest) > 0; rest = rest[row:] {
			copy(e.row, rest[:row])
			float(rest[:row], e.row, bands, width)
		}
	}
}

// horizontal subtracts from each sample the one of the pixel to its left.
func horizontal(row []byte, bands, width int) {
	switch width {
	case 1:
		for i := len(row) - 1; i >= bands; i-- {
			row[i] -= row[i-bands]
		}
	case 2:
		for i := len(row) - 2; i >= bands*2; i -= 2 {
			left := binary.LittleEndian.Uint16(row[i-bands*2:])
			binary.LittleEndian.PutUint16(row[i:], binary.LittleEndian.Uint16(row[i:])-left)
		}
	case 4:
		for i := len(row) - 4; i >= bands*4; i -= 4 {
			left := binary.LittleEndian.Uint32(row[i-bands*4:])
			binary.LittleEndian.PutUint32(row[i:], binary.LittleEndian.Uint32(row[i:])-left)
		}
	case 8:
		for i := len(row) - 8; i >= bands*8; i -= 8 {
			left := binary.LittleEndian.Uint64(row[i-bands*8:])
			binary.LittleEndian.PutUint64(row[i:], binary.LittleEndian.Uint64(row[i:])-left)
		}
	}
}

// float sorts the bytes of a row by significance, most significant first, and
// replaces them by differences.
func float(row, copied []byte, bands, width int) {
	samples := len(row) / width
	for i := range samples {
		for b := range width {
			row[(width-1-b)*samples+i] = copied[i*width+b]
		}
	}

	for i := len(row) - 1; i >= bands; i-- {
		row[i] -= row[i-bands]
	}
}

// maxScratchWindow is the window of the fastest level.
const maxScratchWindow = 8 << 20

// squeeze compresses scratch data.
func (e *encoder) squeeze(data []byte) []byte {
	if e.fast == nil {
		// The options are valid, so that there is no error.
		e.fast, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	}

	return e.fast.EncodeAll(data, nil)
}

// unsqueeze decompresses scratch data of at most a size.
func (e *encoder) unsqueeze(data []byte, size int) ([]byte, error) {
	if len(data) == 0 {
		return nil, nil // zstd stores nothing for nothing
	}

	if e.unfast == nil {
		// The limit is for the largest; each caller has a smaller one.
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxMemory(uint64(2*e.plan.Options.Limits.TaskMemory)),
			zstd.WithDecoderMaxWindow(maxScratchWindow))
		if err != nil {
			return nil, err
		}

		e.unfast = d
	}

	var h zstd.Header
	if err := h.Decode(data); err != nil {
		return nil, err
	}

	if h.HasFCS && h.FrameContentSize > uint64(size) {
		return nil, tiff.Errorf(tiff.CodeInvalidCOG, "%d bytes, want at most %d", h.FrameContentSize, size)
	}

	return e.unfast.DecodeAll(data, make([]byte, 0, size))
}
