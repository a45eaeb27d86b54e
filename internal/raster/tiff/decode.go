package tiff

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/image/tiff/lzw"
)

// decoder decodes the blocks of one image.
type decoder struct {
	im        *Image
	big       bool
	source    *bytes.Reader
	zlib      io.ReadCloser
	zstd      *zstd.Decoder
	tables    []byte // of JPEG
	scratch   []byte // a row, for the floating-point predictor
	firstByte [1]byte
}

func newDecoder(ctx context.Context, im *Image) (*decoder, error) {
	d := &decoder{im: im, big: im.file.Order == binary.BigEndian, source: bytes.NewReader(nil)}

	var err error

	if im.Compression == JPEG {
		d.tables, err = im.Raw(ctx, TagJPEGTables)
	}

	if im.Compression == Zstd {
		d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(maxZstdWindow), zstd.WithDecodeAllCapLimit(true))
	}

	return d, err
}

// maxZstdWindow is what zstd itself uses at its highest level. GDAL declares the
// window of its level, also for blocks that are smaller. It costs no memory,
// because the destination is the window.
const maxZstdWindow = 128 << 20

func (d *decoder) close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
}

// decode fills dst with the pixels of a block of some rows, little-endian.
func (d *decoder) decode(dst, src []byte, rows int) error {
	if err := d.decompress(dst, src, rows); err != nil {
		return fmt.Errorf("%s: %w", d.im.Compression, err)
	}

	bands := d.im.Bands / d.im.Planes()
	width := d.im.Type.Size()

	if d.im.Predictor == FloatPredictor {
		row := d.im.BlockWidth * bands * width
		d.scratch = sized(d.scratch, row)

		for ; len(dst) > 0; dst = dst[row:] {
			undoFloat(dst[:row], d.scratch, bands, width)
		}

		return nil
	}

	if d.big && width > 1 && d.im.Compression != JPEG {
		swapWords(dst, width)
	}

	if d.im.Predictor == HorizontalPredictor {
		row := d.im.BlockWidth * bands * width
		for ; len(dst) > 0; dst = dst[row:] {
			undoHorizontal(dst[:row], bands, width)
		}
	}

	return nil
}

func (d *decoder) decompress(dst, src []byte, rows int) error {
	switch d.im.Compression {
	case None:
		if len(src) < len(dst) {
			return fmt.Errorf("%d bytes are stored for %d", len(src), len(dst))
		}

		copy(dst, src)

		return nil
	case LZW:
		return d.decodeLZW(dst, src)
	case AdobeDeflate, Deflate:
		return d.decodeDeflate(dst, src)
	case PackBits:
		return unpackBits(dst, src)
	case Zstd:
		return d.decodeZstd(dst, src)
	case JPEG:
		return d.decodeJPEG(dst, src, rows)
	default:
		return errors.New("not supported")
	}
}

func (d *decoder) decodeDeflate(dst, src []byte) error {
	d.source.Reset(src)

	if d.zlib == nil {
		r, err := zlib.NewReader(d.source)
		if err != nil {
			return err
		}

		d.zlib = r
	} else if err := d.zlib.(zlib.Resetter).Reset(d.source, nil); err != nil {
		return err
	}

	if err := readFull(d.zlib, dst); err != nil {
		return err
	}

	// The checksum is behind the data, and is checked when the end is read.
	switch n, err := d.zlib.Read(d.firstByte[:]); {
	case n > 0:
		return fmt.Errorf("decodes to more than %d bytes", len(dst))
	case !errors.Is(err, io.EOF):
		return err
	}

	return nil
}

func (d *decoder) decodeLZW(dst, src []byte) error {
	if len(src) >= 2 && src[0] == 0 && src[1]&1 == 1 {
		return errors.New("the variant of TIFF 5 with reversed bits is not supported")
	}

	d.source.Reset(src)

	r := lzw.NewReader(d.source, lzw.MSB, 8)

	return errors.Join(readFull(r, dst), r.Close())
}

func (d *decoder) decodeZstd(dst, src []byte) error {
	out, err := d.zstd.DecodeAll(src, dst[:0:len(dst)])
	if err != nil {
		return err
	}

	if len(out) != len(dst) {
		return fmt.Errorf("decodes to %d bytes, want %d", len(out), len(dst))
	}

	if len(out) > 0 && &out[0] != &dst[0] {
		copy(dst, out)
	}

	return nil
}

// readFull fills dst and reports how much is missing.
func readFull(r io.Reader, dst []byte) error {
	n, err := io.ReadFull(r, dst)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("decodes to %d bytes, want %d", n, len(dst))
	}

	return err
}

// unpackBits decodes the run lengths of PackBits.
func unpackBits(dst, src []byte) error {
	size := len(dst)

	for len(dst) > 0 {
		if len(src) == 0 {
			return fmt.Errorf("decodes to %d bytes, want %d", size-len(dst), size)
		}

		code := int(int8(src[0]))
		src = src[1:]

		switch {
		case code >= 0:
			n := code + 1
			if n > len(src) || n > len(dst) {
				return fmt.Errorf("a run of %d bytes does not fit", n)
			}

			copy(dst, src[:n])
			dst, src = dst[n:], src[n:]
		case code > -128:
			n := 1 - code
			if len(src) == 0 || n > len(dst) {
				return fmt.Errorf("a run of %d bytes does not fit", n)
			}

			for i := range dst[:n] {
				dst[i] = src[0]
			}

			dst, src = dst[n:], src[1:]
		}
	}

	return nil
}
